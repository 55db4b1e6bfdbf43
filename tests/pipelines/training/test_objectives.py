import importlib.util
import sys

import keras
import numpy as np
import pytest

import keras_unet
from pipelines.config import FitConfig
from pipelines.training import objectives
from pipelines.training.optimizer_state import build_optimizer

ON_ADDONS_STACK = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_addons") is None,
    reason="TensorFlow Addons is on the addons stack only",
)
# The package warns of its own end of life when it is imported.
LAST_WORDS = pytest.mark.filterwarnings("ignore::UserWarning:tensorflow_addons")

FOCAL = "tensorflow_addons.losses:SigmoidFocalCrossEntropy"
ADAMW = "tensorflow_addons.optimizers:AdamW:weight_decay=1e-4"


def config(**settings):
    return FitConfig(images="i", masks="m", run_dir="r", **settings)


def make_loss(path, output_channels=1):
    return objectives.make_loss(config(loss=path), output_channels)


def make_optimizer(path="keras.optimizers:Adam"):
    return objectives.make_optimizer(config(optimizer=path), 0.01)


def batch(output_channels=1):
    random = np.random.default_rng(seed=0)
    y_true = random.integers(0, max(2, output_channels), (2, 8, 8, 1))
    logits = random.normal(size=(2, 8, 8, output_channels)).astype("float32")
    return y_true.astype("float32" if output_channels <= 2 else "int32"), logits


def rate_of(optimizer):
    return float(np.asarray(optimizer.learning_rate))


def assert_two_steps_learn(loss, optimizer, output_channels=1):
    """Trains a tiny net on one batch: its weights change and the loss falls."""
    keras.utils.set_random_seed(0)
    net = keras_unet.build_unet(
        num_classes=output_channels, base_filters=2, depth=1, activation=None
    )
    net.compile(optimizer=optimizer, loss=loss)
    # As `fit` does: within the first step it would be traced twice.
    build_optimizer(net.optimizer, net)
    masks, images = batch(output_channels)
    images = images[..., :1] + 4 * masks
    before = net.get_weights()
    values = [net.train_on_batch(images, masks) for _ in range(3)]
    assert np.isfinite(values).all()
    assert values[2] < values[0]
    assert any(
        (new != old).any() for new, old in zip(net.get_weights(), before, strict=True)
    )


# Losses.


def test_the_default_is_cross_entropy_on_logits():
    y_true, logits = batch()
    # log(1 + exp(-z)) of the true class's logit z.
    expected = np.log1p(np.exp(-logits * (2 * y_true - 1))).mean()
    loss = objectives.make_loss(config(), 1)
    assert float(loss(y_true, logits)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("output_channels", [2, 4])
def test_the_default_of_several_channels_is_softmax_cross_entropy(output_channels):
    y_true, logits = batch(output_channels)
    share = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    truth = np.take_along_axis(share, y_true.astype(int), axis=-1)
    loss = objectives.make_loss(config(), output_channels)
    assert float(loss(y_true, logits)) == pytest.approx(-np.log(truth).mean(), rel=1e-5)


def test_a_loss_of_keras_drops_in_on_logits_with_its_arguments():
    y_true, logits = batch()
    loss = make_loss("keras.losses:BinaryFocalCrossentropy:gamma=3")
    expected = keras.losses.BinaryFocalCrossentropy(gamma=3, from_logits=True)
    assert float(loss(y_true, logits)) == pytest.approx(
        float(expected(y_true, logits)), rel=1e-6
    )


def test_our_own_losses_drop_in():
    y_true, logits = batch()
    loss = make_loss("keras_unet.losses:BinaryCrossentropyAndDice:dice_weight=0.5")
    assert loss.get_config()["dice_weight"] == 0.5
    assert loss.get_config()["from_logits"] is True
    assert float(loss(y_true, logits)) > 0
    assert make_loss("keras_unet.losses:SoftDice", 3).get_config()["from_logits"]


def test_a_function_is_called_with_its_arguments():
    y_true, logits = batch()
    loss = make_loss("keras.losses:binary_crossentropy:label_smoothing=0.1")
    expected = keras.losses.binary_crossentropy(
        y_true, logits, from_logits=True, label_smoothing=0.1
    )
    assert float(loss(y_true, logits)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_from_logits_cannot_be_turned_off():
    with pytest.raises(ValueError, match="sets from_logits, but the net ends in"):
        make_loss("keras.losses:BinaryCrossentropy:from_logits=False")


def test_an_optimizer_that_fails_at_its_first_step_is_refused():
    config = FitConfig(
        images="i",
        masks="m",
        run_dir="r",
        optimizer="keras.optimizers:Adam:beta_1=abc",
    )
    with pytest.raises(ValueError, match="beta_1=abc' cannot"):
        objectives.check_paths(config)


class Counting(keras.optimizers.SGD):
    """Counts its steps where no checkpoint finds them."""

    steps = 0

    def apply_gradients(self, *arguments, **settings):
        self.steps += 1
        return super().apply_gradients(*arguments, **settings)


def test_an_optimizer_that_counts_outside_of_its_variables_is_refused(monkeypatch):
    path = f"{__name__}:Counting"
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Counting.__module__])
    config = FitConfig(images="i", masks="m", run_dir="r", optimizer=path)
    with pytest.raises(ValueError, match="counts steps in steps, which is no variable"):
        objectives.check_paths(config)


@pytest.mark.parametrize(
    ("path", "output_channels", "words"),
    [
        ("keras.losses:MeanSquaredError", 1, "takes no from_logits"),
        ("keras.losses:Poisson", 1, "takes no from_logits"),
        ("keras.losses:CategoricalCrossentropy", 1, "CategoricalCrossentropy"),
        ("keras.losses:CategoricalCrossentropy", 3, "CategoricalCrossentropy"),
        ("keras.losses:BinaryCrossentropy", 2, "2 channels|, 2\\)"),
        ("keras.losses:BinaryFocalCrossentropy", 2, "2 channels|, 2\\)"),
        ("keras.losses:BinaryCrossentropy", 3, "3 channels|, 3\\)"),
        ("keras.losses:SparseCategoricalCrossentropy", 1, "1 channels|, 1\\)"),
        ("keras_unet.losses:WeightedBinaryCrossentropy", 2, "num_classes"),
        ("keras_unet.losses:Focal:alpha=0.25", 3, "alpha must be 3 weights"),
        ("keras_unet.losses:Focal:alpha=2", 1, "could not be constructed: alpha must"),
        ("keras.losses:BinaryCrossentropy:colour=1", 1, "not be constructed.*colour"),
        ("keras.losses:__name__", 1, "not a class or a function"),
        ("keras.losses:Nothing", 1, "has no Nothing"),
        ("no_such_package:Loss", 1, "cannot be imported"),
    ],
)
def test_a_loss_that_would_train_wrong_is_refused_by_name(path, output_channels, words):
    with pytest.raises(ValueError, match=words) as error:
        make_loss(path, output_channels)
    assert path.partition(":")[2].partition(":")[0] in str(error.value)


# Weights.

WEIGHABLE = [
    (None, 1),
    (None, 2),
    (None, 5),
    ("keras.losses:BinaryCrossentropy", 1),
    ("keras.losses:BinaryFocalCrossentropy:gamma=3", 1),
    ("keras.losses:binary_crossentropy", 1),
    ("keras.losses:SparseCategoricalCrossentropy", 2),
    ("keras.losses:SparseCategoricalCrossentropy", 3),
    ("keras.losses:sparse_categorical_crossentropy", 3),
    ("keras_unet.losses:Focal", 1),
    ("keras_unet.losses:Focal", 2),
    ("keras_unet.losses:Focal", 3),
    ("keras_unet.losses:WeightedBinaryCrossentropy:positive_weight=20", 1),
    ("keras_unet.losses:SoftDice", 1),
    ("keras_unet.losses:SoftDice", 2),
    ("keras_unet.losses:SoftDice", 3),
    ("keras_unet.losses:BinaryCrossentropyAndDice", 1),
]


@pytest.mark.parametrize(("path", "output_channels"), WEIGHABLE)
def test_these_losses_fit_and_are_weighed_pixel_by_pixel(path, output_channels):
    loss = make_loss(path, output_channels)
    assert isinstance(loss, keras.losses.Loss)
    objectives.check_weighted(loss, path, output_channels)


@pytest.mark.parametrize("channel", [(), (1,)])
@pytest.mark.parametrize(
    "path", ["keras.losses:BinaryCrossentropy", "keras.losses:binary_crossentropy"]
)
def test_a_weight_map_multiplies_the_values_of_its_pixels(path, channel):
    y_true, logits = batch()
    weight = np.random.default_rng(1).random((2, 8, 8, 1)).astype("float32")
    expected = weight * np.log1p(np.exp(-logits * (2 * y_true - 1)))
    found = make_loss(path)(y_true, logits, weight.reshape(2, 8, 8, *channel))
    assert float(found) == pytest.approx(expected.mean(), rel=1e-5)


@pytest.fixture
def own_losses(tmp_path, monkeypatch):
    """A module of losses in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "own_losses.py").write_text(
        "import tensorflow as tf\n\n\n"
        "def pixels(y_true, y_pred, from_logits):\n"
        "    return tf.abs(y_true - tf.sigmoid(y_pred))\n\n\n"
        "def image(y_true, y_pred, from_logits):\n"
        "    return tf.reduce_mean(pixels(y_true, y_pred, True), [1, 2, 3])\n\n\n"
        "def number(y_true, y_pred, from_logits):\n"
        "    return tf.reduce_mean(pixels(y_true, y_pred, True))\n\n\n"
        "class Callable:\n"
        "    def __init__(self, from_logits):\n"
        "        pass\n\n"
        "    def __call__(self, y_true, y_pred):\n"
        "        return pixels(y_true, y_pred, True)\n"
    )
    yield
    sys.modules.pop("own_losses", None)


@pytest.mark.parametrize("name", ["pixels", "Callable"])
def test_the_users_own_loss_is_weighed_if_it_gives_the_values_of_pixels(
    own_losses, name
):
    path = f"own_losses:{name}"
    objectives.check_weighted(make_loss(path), path, 1)


@pytest.mark.parametrize("name", ["image", "number"])
def test_a_loss_that_reduces_by_itself_is_refused_for_weights(own_losses, name):
    path = f"own_losses:{name}"
    loss = make_loss(path)
    words = f"'{path}' reduces over pixels by itself.*weight_map, class_weights and ign"
    with pytest.raises(ValueError, match=words):
        objectives.check_weighted(loss, path, 1)


@ON_ADDONS_STACK
@LAST_WORDS
def test_the_focal_loss_of_addons_is_weighed():
    loss = make_loss(FOCAL)
    assert isinstance(loss, keras.losses.Loss)
    objectives.check_weighted(loss, FOCAL, 1)


# Optimizers.


def test_the_default_optimizer_has_the_rate_of_the_run():
    optimizer = make_optimizer()
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert rate_of(optimizer) == pytest.approx(0.01)


def test_an_optimizer_takes_arguments_and_may_set_its_own_rate():
    optimizer = make_optimizer(
        "keras.optimizers:SGD:momentum=0.9,nesterov=True,learning_rate=0.5"
    )
    assert optimizer.get_config()["momentum"] == 0.9
    assert optimizer.get_config()["nesterov"] is True
    assert rate_of(optimizer) == 0.5


def test_two_learning_rates_are_refused_before_the_data_are_read():
    settings = {"images": "i", "masks": "m", "run_dir": "r"}
    settings["optimizer"] = "keras.optimizers:SGD:learning_rate=0.5"
    with pytest.raises(ValueError, match="learning_rate is 0.1, but .* sets 0.5"):
        objectives.check_paths(FitConfig(**settings, learning_rate=0.1))
    objectives.check_paths(FitConfig(**settings, learning_rate=0.5))
    objectives.check_paths(FitConfig(**settings))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("keras.optimizers:Nothing", "has no Nothing"),
        ("keras.losses:BinaryCrossentropy", "takes no learning_rate"),
        ("keras.optimizers:Adam:momentum=0.9", "could not be constructed.*momentum"),
        ("Adam", "MODULE:NAME"),
    ],
)
def test_an_optimizer_that_cannot_be_made_is_refused(path, words):
    with pytest.raises(ValueError, match=words):
        make_optimizer(path)


# Training.


@pytest.mark.parametrize(
    ("loss", "optimizer"),
    [
        ("keras.losses:BinaryFocalCrossentropy:gamma=3", "keras.optimizers:RMSprop"),
        (
            "keras_unet.losses:BinaryCrossentropyAndDice:dice_weight=0.5",
            "keras.optimizers:AdamW:weight_decay=1e-4",
        ),
    ],
)
def test_two_real_steps_with_them_learn(loss, optimizer):
    assert_two_steps_learn(make_loss(loss), make_optimizer(optimizer))


def test_two_real_steps_of_three_classes_with_the_focal_loss_learn():
    loss = make_loss("keras_unet.losses:Focal:alpha=[1,1,4]", 3)
    assert_two_steps_learn(loss, make_optimizer(), 3)


@ON_ADDONS_STACK
@LAST_WORDS
def test_the_focal_loss_of_addons_drops_in_on_logits_as_a_mean():
    y_true, logits = batch()
    loss = make_loss(FOCAL + ":alpha=0.3,gamma=1.5")
    ours = keras_unet.losses.Focal(from_logits=True, alpha=0.3, gamma=1.5)
    value = np.asarray(loss(y_true, logits))
    # By itself it would reduce nothing, and Keras would train on the sum.
    assert value.shape == ()
    assert float(value) == pytest.approx(float(ours(y_true, logits)), rel=1e-4)


@ON_ADDONS_STACK
@LAST_WORDS
def test_the_focal_loss_of_addons_on_two_channels_is_refused():
    with pytest.raises(ValueError, match="SigmoidFocalCrossEntropy"):
        make_loss(FOCAL, 2)


@ON_ADDONS_STACK
@LAST_WORDS
def test_the_optimizer_of_addons_takes_its_arguments_and_the_rate_of_the_run():
    optimizer = make_optimizer(ADAMW)
    assert optimizer.get_config()["weight_decay"] == 1e-4
    assert rate_of(optimizer) == pytest.approx(0.01)


@ON_ADDONS_STACK
@LAST_WORDS
def test_two_real_steps_with_addons_learn():
    assert_two_steps_learn(make_loss(FOCAL), make_optimizer(ADAMW))


@ON_ADDONS_STACK
@LAST_WORDS
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_whole_run_with_addons_finishes(fit_config, tmp_path, precision):
    from pipelines import fit

    settings = {"loss": FOCAL, "optimizer": ADAMW, "steps": 2, "validations": 1}
    result = fit(fit_config(tmp_path / "run", **settings, precision=precision))
    assert np.isfinite(result.best["val_loss"])
    assert (tmp_path / "run" / "model.keras").is_file()
