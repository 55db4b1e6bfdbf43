import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.inference import policy
from pipelines.training.optimizer_state import build_optimizer, optimizer_variables

ON_ADDONS_STACK = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_addons") is None,
    reason="TensorFlow Addons is on the addons stack only",
)
# The package warns of its own end of life when it is imported.
LAST_WORDS = pytest.mark.filterwarnings("ignore::UserWarning:tensorflow_addons")
# Keras reads its variables in a way that NumPy 2 asks it to change.
READS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

OURS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5),
}


def addons_adamw():
    import tensorflow_addons as tfa

    return tfa.optimizers.AdamW(learning_rate=0.01, weight_decay=0.1)


def addons_lookahead():
    import tensorflow_addons as tfa

    return tfa.optimizers.Lookahead(addons_adamw(), sync_period=2)


def compiled(make_optimizer, precision="float32"):
    keras.utils.set_random_seed(0)
    with policy(precision):
        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(4, activation="tanh")(inputs)
        outputs = keras.layers.Dense(1, dtype="float32")(hidden)
        model = keras.Model(inputs, outputs)
        model.compile(make_optimizer(), "mse", run_eagerly=True)
    return model


def train(model, steps):
    for step in steps:
        x = np.random.default_rng(step).normal(size=(8, 3)).astype("float32")
        model.train_on_batch(x, x[:, :1])


def assert_goes_on_with_copied_variables(make_optimizer, precision):
    """Five steps, or two, a copy of all variables, and three: bit for bit the same."""
    uninterrupted = compiled(make_optimizer, precision)
    train(uninterrupted, range(5))
    first, second = (compiled(make_optimizer, precision) for _ in range(2))
    train(first, range(2))
    build_optimizer(second.optimizer, second)
    old, new = (optimizer_variables(model.optimizer) for model in (first, second))
    for source, target in zip(old, new, strict=True):
        assert source.shape == target.shape
        target.assign(source.numpy())
    second.set_weights(first.get_weights())
    train(second, range(2, 5))
    for expected, found in zip(
        uninterrupted.get_weights(), second.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@READS
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *((name, "float32") for name in OURS),
        ("adam", "float16"),
        ("momentum", "float16"),
        ("adam", "bfloat16"),
    ],
)
def test_training_goes_on_bit_for_bit_with_copied_variables(name, precision):
    assert_goes_on_with_copied_variables(OURS[name], precision)


@ON_ADDONS_STACK
@LAST_WORDS
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("make_optimizer", [addons_adamw, addons_lookahead])
def test_optimizers_of_addons_go_on_too(make_optimizer, precision):
    assert_goes_on_with_copied_variables(make_optimizer, precision)


@READS
@pytest.mark.parametrize("name", OURS)
def test_building_creates_all_that_a_step_would_and_counts_nothing(name):
    model = compiled(OURS[name])
    build_optimizer(model.optimizer, model)
    built = optimizer_variables(model.optimizer)
    assert int(model.optimizer.iterations.numpy()) == 0
    train(model, range(1))
    trained = optimizer_variables(model.optimizer)
    assert [v.shape for v in trained] == [v.shape for v in built]
    build_optimizer(model.optimizer, model)
    assert len(optimizer_variables(model.optimizer)) == len(built)
    assert all(isinstance(variable, tf.Variable) for variable in trained)


@READS
def test_the_learning_rate_and_under_float16_the_scale_of_the_loss_are_listed():
    model = compiled(OURS["sgd"], "float16")
    build_optimizer(model.optimizer, model)
    numbers = [v for v in optimizer_variables(model.optimizer) if not v.shape.rank]
    values = [float(variable.numpy()) for variable in numbers]
    assert pytest.approx(0.1) in values
    assert 2.0**15 in values
