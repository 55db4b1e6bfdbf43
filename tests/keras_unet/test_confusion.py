import numpy as np

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
