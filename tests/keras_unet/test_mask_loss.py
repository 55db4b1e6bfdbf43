import math

import numpy as np
import pytest

from keras_unet import mask_loss


class Difference(mask_loss.MaskLoss):
    """A loss of which every value can be worked out in the head."""

    def call(self, y_true, y_pred):
        return (y_pred - y_true)[..., 0]


class MeanDifference(Difference):
    per_pixel = False

    def call(self, y_true, y_pred):
        y_true, weight = mask_loss.split_weight(y_true)
        difference = super().call(y_true, y_pred)
        difference = difference if weight is None else difference * weight
        return difference.numpy().mean(axis=(1, 2))


# Two samples of one row and two columns: the columns are as many as the samples.
Y_TRUE = np.zeros((2, 1, 2, 1), "uint8")
Y_PRED = np.array([[[[1.0], [2.0]]], [[[3.0], [4.0]]]], "float32")
BOTH = pytest.mark.parametrize("loss_class", [Difference, MeanDifference])


def value(loss_class, sample_weight=None):
    return float(
        loss_class("difference", "sum_over_batch_size")(Y_TRUE, Y_PRED, sample_weight)
    )


@BOTH
def test_without_weights_it_is_the_mean(loss_class):
    assert value(loss_class) == 2.5


@BOTH
def test_a_weight_a_sample_weighs_samples_and_not_columns(loss_class):
    # (10 * 1 + 10 * 2 + 3 + 4) / 4; by columns it would be (10 + 2 + 30 + 4) / 4.
    assert value(loss_class, np.array([10.0, 1.0])) == 37 / 4


@BOTH
@pytest.mark.parametrize("shape", [(2, 1, 2), (2, 1, 2, 1)])
def test_a_weight_map_weighs_pixels(loss_class, shape):
    # 1 * 1 + 10 * 2 + 2 * 3 + 0 * 4.
    weight = np.array([1.0, 10.0, 2.0, 0.0]).reshape(shape)
    assert value(loss_class, weight) == 27 / 4


@BOTH
def test_one_weight_weighs_all(loss_class):
    assert value(loss_class, 2.0) == 5.0


def test_settings_come_back_in_the_config():
    loss = Difference("difference", "sum", depth=3)
    assert (
        loss.get_config().items()
        >= {"name": "difference", "reduction": "sum", "depth": 3}.items()
    )


@pytest.mark.parametrize("setting", [0, 0.5, np.float32(1)])
def test_settings_within_their_bounds_pass(setting):
    mask_loss.check_setting("alpha", setting, least=0, most=1)


@pytest.mark.parametrize("setting", [-0.1, 1.1, math.nan, math.inf, "half", None])
def test_settings_out_of_their_bounds_are_named(setting):
    with pytest.raises(ValueError, match="alpha.*at least 0 and at most 1.*") as error:
        mask_loss.check_setting("alpha", setting, least=0, most=1)
    assert repr(setting) in str(error.value)
