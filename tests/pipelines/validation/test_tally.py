import numpy as np
import pytest

from pipelines.validation import Segmented
from pipelines.validation.tally import Tally

Y_TRUE = np.array([[0, 1, 1, 0]], np.uint8)
P = np.array([[0.1, 0.9, 0.4, 0.6]], np.float32)[..., np.newaxis]


def part(columns, index=0):
    y_true, probability = Y_TRUE[:, columns], P[:, columns]
    return Segmented(index, "a", y_true, y_true, probability, probability)


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_parts_add_up_to_their_image(threshold):
    tally = Tally(2, threshold)
    for columns in (slice(0, 1), slice(1, 4)):
        tally.add(part(columns))
    # Truth by prediction: one of two is found in each class.
    np.testing.assert_array_equal(tally.confusion(0.5), [[1, 1], [1, 1]])
    (image,) = tally.images(0.5)
    assert image.name == "a"
    assert tally.spread == pytest.approx(0.8)
    whole = Tally(2, threshold)
    whole.add(part(slice(None)))
    assert whole.images(0.5) == [image]


def test_images_of_one_name_are_told_apart():
    tally = Tally(2, 0.5)
    for index in range(2):
        tally.add(part(slice(None), index))
    assert [image.name for image in tally.images(0.5)] == ["a", "a"]


def test_nothing_added_is_no_pixel():
    assert Tally(3, None).confusion(None).tolist() == [[0] * 3] * 3


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_tallies_of_single_images_add_up(threshold):
    both, total = Tally(2, threshold), Tally(2, threshold)
    for index, columns in enumerate((slice(0, 2), slice(1, 4))):
        one = Tally(2, threshold)
        for tally in (both, one):
            tally.add(part(columns, index))
            tally.add_loss(index + 1.0, columns.stop - columns.start)
        total.add_tally(one)
    np.testing.assert_array_equal(total.confusion(0.5), both.confusion(0.5))
    assert total.images(0.5) == both.images(0.5)
    assert total.chosen_threshold() == both.chosen_threshold()
    assert total.spread == both.spread
    np.testing.assert_array_equal(total.reliability.pixels, both.reliability.pixels)
    # Losses of 1 over 2 pixels and of 2 over 3.
    assert total.loss == pytest.approx((1 * 2 + 2 * 3) / 5)


def test_without_pixels_there_is_no_loss():
    tally = Tally(2, 0.5)
    assert np.isnan(tally.loss)
    tally.add_loss(0.0, 0)
    assert np.isnan(tally.loss)
