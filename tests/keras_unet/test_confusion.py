import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_unet.metrics import PixelError


def test_pixels_are_counted_by_true_and_predicted_class():
    metric = PixelError(3)
    y_true = np.array([0, 1, 1, 2, 2, 2]).reshape(1, 2, 3, 1)
    predicted = np.array([0, 1, 2, 2, 2, 0])
    y_pred = np.eye(3, dtype="float32")[predicted].reshape(1, 2, 3, 3)
    for _ in range(2):
        metric.update_state(y_true, y_pred)
    expected = [[2, 0, 0], [0, 2, 2], [2, 0, 4]]
    np.testing.assert_array_equal(np.array(metric.confusion), expected)
    assert int(np.array(metric.num_invalid)) == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_logits_are_no_probabilities(channels):
    y_true = np.zeros((1, 1, 2, 1))
    logits = np.array([[[[-3.0], [0.5]]]], "float32").repeat(channels, axis=-1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="from_logits=True"):
        PixelError(channels).update_state(y_true, logits)
    metric = PixelError(channels)
    # Of no weight, and rounding.
    metric.update_state(y_true, logits, np.array([[[0, 1]]]))
    metric.update_state(y_true, np.full_like(logits, 1 + 1e-6))
    metric.update_state(y_true, np.full_like(logits, np.nan))
    assert float(metric.result()) == pytest.approx(2 / 5)
    # XLA leaves the check out.
    metric = PixelError(channels)

    @tf.function(jit_compile=True)
    def update(y_true, y_pred):
        # What Keras 2 returns is no tensor.
        metric.update_state(y_true, y_pred)

    update(y_true, logits)
    assert np.isnan(float(metric.result()))


def test_from_three_classes_on_logits_decide_as_probabilities_do():
    metric = PixelError(3)
    metric.update_state(np.zeros((1, 1, 1, 1)), np.array([[[[5.0, -3, 1]]]]))
    assert float(metric.result()) == 0


@pytest.mark.parametrize(("channels", "end"), [(1, "sigmoid"), (3, "softmax")])
def test_probabilities_are_no_logits(channels, end):
    image = keras.Input((1, 2, channels))
    model = keras.Model(image, keras.layers.Activation(end)(image))
    metric = PixelError(channels, from_logits=True)
    model.compile("sgd", "mse", metrics=[metric])
    y_pred, y_true = np.zeros((1, 1, 2, channels)), np.zeros((1, 1, 2, 1))
    with pytest.raises(ValueError, match="y_pred is the output of a sigmoid or softm"):
        model.evaluate(y_pred, y_true, verbose=0)
