import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet import batches


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int64", "float64"])
def test_masks_and_predictions_of_any_dtype_become_float32(dtype):
    y_true, y_pred = batches.as_float32_batch(
        np.ones((2, 3, 4, 1), dtype), tf.ones((2, 3, 4, 5), tf.bfloat16)
    )
    assert y_true.dtype == y_pred.dtype == tf.float32
    assert y_true.shape == (2, 3, 4, 1) and y_pred.shape == (2, 3, 4, 5)
    assert np.all(y_true == 1) and np.all(y_pred == 1)


def test_masks_without_a_channel_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 4, 1\).*y_true\["):
        batches.as_float32_batch(np.ones((2, 3, 4)), np.ones((2, 3, 4, 1)))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "way_out"),
    [
        ((2, 8, 8, 3), (2, 8, 8, 3), r"tf.argmax\(y_true, -1\)\[..., None\]"),
        ((2, 8, 8, 1), (2, 4, 4, 3), "crop the masks"),
        ((2, 8, 8, 2), (2, 8, 8, 3), r"\(2, 8, 8, 3\)\.$"),
        ((2, 8), (2, 8, 8, 3), r"\(2, 8, 8, 3\)\.$"),
    ],
)
def test_the_way_out_is_that_of_the_case(y_true, y_pred, way_out):
    with pytest.raises(ValueError, match=way_out) as error:
        batches.as_float32_batch(np.ones(y_true), np.ones(y_pred))
    assert "y_true[..., None]" not in str(error.value)


def test_sizes_known_only_when_the_graph_runs_are_checked_there():
    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([None] * 3 + [1])])
    def run(y_true, y_pred):
        return batches.as_float32_batch(y_true, y_pred)

    assert run(tf.ones((2, 3, 4, 1)), tf.ones((2, 3, 4, 1)))[0].shape == (2, 3, 4, 1)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        run(tf.ones((2, 3, 4)), tf.ones((2, 3, 4, 1)))


def test_what_keras_made_of_logits_is_told_from_logits():
    logits = tf.constant([-1.0, 2.0])
    batches.check_logits(logits)
    for end in (keras.activations.sigmoid, keras.activations.softmax):
        with pytest.raises(ValueError, match="from_logits=True, but y_pred is"):
            batches.check_logits(end(logits[None]))


def test_a_weight_a_sample_becomes_a_map_of_it():
    weight = batches.as_pixel_weight(np.array([2, 3]), tf.ones((2, 1, 2, 5)))
    assert weight.dtype == tf.float32
    np.testing.assert_array_equal(weight, [[[2, 2]], [[3, 3]]])


def test_a_weight_map_loses_its_channel_only():
    given = np.arange(4.0).reshape(2, 1, 2, 1)
    weight = batches.as_pixel_weight(given, tf.ones((2, 1, 2, 5)))
    np.testing.assert_array_equal(weight, given[..., 0])


@pytest.mark.parametrize("shape", [(2, 4), (2, 1, 6), (2, 4, 6, 2), (4, 6)])
def test_weights_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="sample_weight") as error:
        batches.as_pixel_weight(np.ones(shape), tf.ones((2, 4, 6, 1)))
    assert str(shape) in str(error.value) and "(2, 4, 6, 1)" in str(error.value)
