"""The fused layer against Keras's own, which is the independent computation here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet.layers import FusedBatchNormalization

SHAPE = (3, 5, 7, 4)


def images(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(2, 3, shape).astype("float32")


def pair(dtype="float32", shape=SHAPE, **settings):
    """Keras's layer and ours with the same weights, none of them at its start."""
    layers = [
        kind(dtype=dtype, name="norm", **settings)
        for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)
    ]
    draws = np.random.default_rng(1)
    for layer in layers:
        layer.build((None, *shape[1:]))
    weights = [draws.uniform(0.5, 2, w.shape) for w in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def trained(layer, inputs):
    """Outputs, gradients and weights of one training call."""
    inputs = tf.constant(inputs)
    draws = np.random.default_rng(2).normal(size=inputs.shape)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * draws.astype("float32"))
    variables = [
        getattr(variable, "value", variable)
        if keras.__version__.startswith("3.")
        else variable
        for variable in layer.trainable_variables
    ]
    gradients = tape.gradient(loss, [inputs, *variables])
    return [outputs.numpy(), *(g.numpy() for g in gradients), *layer.get_weights()]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.9, "epsilon": 1e-2},
        {"scale": False},
        {"center": False},
        {"scale": False, "center": False},
        {"epsilon": 1e-6},
        {"axis": 1},
    ],
    ids=str,
)
def test_training_equals_keras_moving_statistics_and_gradients_included(settings):
    theirs, ours = (trained(layer, images()) for layer in pair(**settings))
    assert len(theirs) == len(ours)
    for their, our in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 2, 1, 3), (2, 64, 64, 3)])
def test_few_and_many_pixels_equal_keras(shape):
    theirs, ours = (trained(layer, images(0, shape)) for layer in pair(shape=shape))
    for their, our in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("mixed_bfloat16", 0.02), ("mixed_float16", 0.003)]
)
def test_half_precision_keeps_type_and_statistics_of_float32(dtype, tolerance):
    kind = dtype.removeprefix("mixed_")
    inputs = tf.cast(images(), kind)
    theirs, ours = pair(dtype=dtype)
    for training in (True, False):
        their, our = (layer(inputs, training=training) for layer in (theirs, ours))
        assert our.dtype == their.dtype == kind
        np.testing.assert_allclose(
            tf.cast(our, "float32"), tf.cast(their, "float32"), atol=4 * tolerance
        )
    for their, our in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        assert our.dtype == np.float32
        np.testing.assert_allclose(our, their, rtol=tolerance)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("mixed_bfloat16", 0.02), ("mixed_float16", 0.003)]
)
def test_gradients_in_half_precision_are_those_of_float32(dtype, tolerance):
    # Keras's layer in float32 is the reference: in half precision it rounds, too.
    inputs = tf.cast(images(), dtype.removeprefix("mixed_"))
    reference, _ = pair()
    _, ours = pair(dtype=dtype)
    expected = trained(reference, tf.cast(inputs, tf.float32))[1:4]
    for our, their in zip(trained(ours, inputs)[1:4], expected, strict=True):
        scale = np.abs(their).max()
        error = np.abs(our.astype(np.float32) - their).max()
        assert error < 2 * tolerance * scale


def test_gradients_of_a_frozen_layer_pass_through_its_moving_statistics():
    found = []
    for layer in pair():
        layer.trainable = False
        inputs = tf.constant(images())
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, training=True) ** 2)
        found.append(tape.gradient(loss, inputs).numpy())
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)
    # No mean of the batch: what a pixel adds depends on itself alone.
    gamma, beta, mean, variance = layer.get_weights()
    scale = gamma / np.sqrt(variance + layer.epsilon)
    by_hand = 2 * scale * ((images() - mean) * scale + beta)
    np.testing.assert_allclose(found[1], by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("trainable", [True, False])
def test_inference_and_a_frozen_layer_use_the_moving_statistics(trainable):
    theirs, ours = pair()
    for layer in (theirs, ours):
        layer.trainable = trainable
    before = ours.get_weights()
    their, our = (layer(images(), training=not trainable) for layer in (theirs, ours))
    np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-5)
    for weight, same in zip(before, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


def test_other_ranks_and_masks_are_computed_by_keras():
    flat = images(0, (6, 4))
    theirs, ours = pair(shape=(6, 4))
    np.testing.assert_allclose(ours(flat, training=True), theirs(flat, training=True))
    if keras.__version__.startswith("3."):
        mask = np.arange(105).reshape(SHAPE[:3]) % 2 == 0
        theirs, ours = pair()
        np.testing.assert_allclose(
            ours(images(), training=True, mask=mask),
            theirs(images(), training=True, mask=mask),
        )


def test_weights_move_to_keras_and_back():
    theirs, ours = pair()
    trained(ours, images())
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(images()), theirs(images()), rtol=1e-5, atol=1e-5)
    trained(theirs, images(3))
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(images()), theirs(images()), rtol=1e-5, atol=1e-5)
    names = [[w.name for w in layer.weights] for layer in (theirs, ours)]
    assert names[0] == names[1]


def test_a_saved_model_loads_and_its_weights_fit_a_net_of_keras_layers(tmp_path):
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, FusedBatchNormalization(name="norm")(inputs))
    plain = keras.Model(inputs, keras.layers.BatchNormalization(name="norm")(inputs))
    trained(model.get_layer("norm"), images())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("norm")) is FusedBatchNormalization
    np.testing.assert_array_equal(loaded(images()), model(images()))
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(plain(images()), model(images()), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(keras.__version__.startswith("2."), reason="Keras 2 has its own")
def test_one_kernel_does_it():
    _, ours = pair()
    graph = tf.function(lambda image: ours(image, training=True)).get_concrete_function(
        tf.TensorSpec([None, None, None, 4])
    )
    operations = {operation.type for operation in graph.graph.get_operations()}
    assert "FusedBatchNormV3" in operations
    assert "Mean" not in operations


@pytest.mark.skipif(keras.__version__ < "3", reason="Keras 2 learns its own statistics")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_layer_wholly_in_half_precision_learns_statistics(dtype):
    layer = FusedBatchNormalization(dtype=dtype, momentum=0.5)
    pixels = np.array([1.0, 3.0, 1.0, 3.0], np.float32).reshape(1, 2, 2, 1)
    layer(tf.cast(pixels, dtype), training=True)
    # Half of 0 and of the mean 2; half of 1 and of the variance 1.
    assert [float(np.asarray(w)[0]) for w in layer.get_weights()[2:]] == [1.0, 1.0]
