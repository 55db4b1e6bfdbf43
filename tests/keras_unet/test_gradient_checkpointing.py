import functools
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_unet
from keras_unet.gradient_checkpointing import CheckpointedUNet


@functools.cache
def trained(checkpointed, variant, policy, **settings):
    """Trains a small net for some steps, for tests that only look at it.

    Returns:
        The net and its losses.
    """
    keras.mixed_precision.set_global_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        model = keras_unet.build_unet(
            variant, (None, None, 1), 1, base_filters=4, depth=2, **settings
        )
        if checkpointed:
            model = CheckpointedUNet(model.input, model.output)
        model.compile("adam", "binary_crossentropy")
        # Within the first step it would be traced twice, which takes seconds.
        model.optimizer.build(model.trainable_variables)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    random = np.random.default_rng(0)
    size, kept = (32, 32) if variant == "padded" else (44, 4)
    images = random.normal(size=(8, size, size, 1)).astype("float32")
    masks = random.integers(0, 2, (8, kept, kept, 1)).astype("float32")
    tiles = tf.data.Dataset.from_tensor_slices((images, masks)).batch(4)
    history = model.fit(tiles, epochs=3, shuffle=False, verbose=0)
    return model, history.history["loss"]


@pytest.mark.parametrize(
    ("variant", "settings", "policy"),
    [
        ("padded", {}, "float32"),
        ("padded", {"dropout": 0.5}, "mixed_bfloat16"),
        ("paper", {"batch_norm": True}, "mixed_bfloat16"),
        ("paper", {"activation": None}, "float32"),
    ],
)
def test_it_learns_the_same_to_the_last_bit(variant, settings, policy):
    plain, losses = trained(False, variant, policy, **settings)
    checkpointed, its_losses = trained(True, variant, policy, **settings)
    assert its_losses == losses
    names = [weight.name for weight in plain.weights]
    assert [weight.name for weight in checkpointed.weights] == names
    # The statistics of normalisation too, which are learned once a step.
    for one, other in zip(plain.get_weights(), checkpointed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_that_xla_compiles_learns_the_same(random):
    images = random.normal(size=(2, 16, 16, 1)).astype("float32")
    masks = random.integers(0, 2, images.shape).astype("float32")

    def after_a_step(checkpointed):
        keras.utils.set_random_seed(0)
        model = keras_unet.build_unet("padded", base_filters=2, depth=1, dropout=0.5)
        if checkpointed:
            model = CheckpointedUNet(model.input, model.output)
        sgd = keras.optimizers.SGD(0.1)
        model.compile(sgd, "binary_crossentropy", jit_compile=True)
        model.train_on_batch(images, masks)
        return model.get_weights()

    for one, other in zip(after_a_step(False), after_a_step(True), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_masks_of_dropout_are_counted_once(random):
    model, _ = trained(True, "paper", "float32", activation=None)
    steps = {layer.step for layer in model.layers if "dropout" in layer.name}
    # Two batches in three epochs.
    assert steps == {6}


# Keras 2 says so of the older format.
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_it_is_saved_and_loaded_like_any_model(tmp_path, random):
    model, _ = trained(True, "padded", "float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    image = random.normal(size=(1, 32, 32, 1)).astype("float32")
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)
    model.save(tmp_path / "model.h5")
    # In a process that knows nothing of the class.
    code = (
        "import keras, keras_unet; keras.models.load_model('model.keras'); "
        "assert type(keras.models.load_model('model.h5')).__name__ == "
        "'CheckpointedUNet'"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize("shape", [(4, 32, 32, 1), (4, 32, 32)])
def test_it_takes_what_the_plain_net_takes(random, shape):
    images = random.integers(0, 256, shape, dtype="uint8")
    masks = (images.reshape(4, 32, 32, 1) > 100).astype("float32")
    losses = []
    for checkpointed in (False, True):
        keras.utils.set_random_seed(0)
        model = keras_unet.build_unet(base_filters=4, depth=2)
        if checkpointed:
            model = CheckpointedUNet(model.input, model.output)
        model.compile("adam", "binary_crossentropy")
        losses.append(model.train_on_batch(images, masks))
    assert losses[0] == losses[1]


def test_two_calls_under_one_tape_keep_their_own_masks(random):
    image = random.normal(size=(1, 32, 32, 1)).astype("float32")
    gradients = []
    for checkpointed in (False, True):
        keras.utils.set_random_seed(0)
        model = keras_unet.build_unet(base_filters=4, depth=2, dropout=0.5)
        if checkpointed:
            model = CheckpointedUNet(model.input, model.output)
        with tf.GradientTape() as tape:
            first, second = (model(image, training=True) for _ in range(2))
            loss = tf.reduce_mean(first) + 3 * tf.reduce_mean(second)
        kernel = model.get_layer("bottleneck_conv_0").kernel
        # Keras 3 has a variable of its own around TensorFlow's.
        kernel = kernel if isinstance(kernel, tf.Variable) else kernel.value
        gradients.append(tape.gradient(loss, kernel).numpy())
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-7)


def test_other_outputs_than_those_of_build_unet_are_refused():
    model = keras_unet.build_unet(base_filters=2, depth=1)
    features = model.get_layer("decoder_0_relu_1").output
    two = CheckpointedUNet(model.input, [model.output, features])
    with pytest.raises(ValueError, match="takes the one output .* decoder_0_relu_1"):
        two(np.zeros((1, 16, 16, 1), "float32"))
