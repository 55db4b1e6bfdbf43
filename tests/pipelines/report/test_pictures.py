import numpy as np
import pytest

from pipelines.dataset.mask_values import IGNORED
from pipelines.report import pictures
from pipelines.validation import Picture


def difference(shown):
    return pictures.difference(shown, pictures.displayable(shown.image))


def picture(y_true, y_pred, image=None):
    y_true, y_pred = np.array(y_true, np.uint8), np.array(y_pred, np.uint8)
    image = np.zeros((*y_true.shape, 1), np.uint8) if image is None else image
    return Picture("name", image, y_true, y_pred)


def mixed(colour):
    """The colour over a black image: 0.55 of it, cut to a whole number."""
    return [int(0.55 * value) for value in colour]


def test_hits_misses_and_extra_pixels_have_their_colours():
    found = difference(picture([[1, 1], [0, 0]], [[1, 0], [1, 0]]))
    expected = [
        [mixed(pictures.HIT), mixed(pictures.MISSED)],
        [mixed(pictures.EXTRA), [0, 0, 0]],
    ]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_a_wrong_class_has_the_colour_of_a_missed_one():
    found = difference(picture([[2, 2, 0, 0]], [[2, 1, 1, 0]]))
    expected = [
        mixed(pictures.HIT),
        mixed(pictures.MISSED),
        mixed(pictures.EXTRA),
        [0, 0, 0],
    ]
    np.testing.assert_array_equal(found[0], expected)


def test_the_difference_lies_over_the_image_in_grey():
    image = np.array([[[0], [200]]], np.uint8)
    found = difference(picture([[0, 1]], [[0, 1]], image))
    # 255 is the brightest after stretching: 0.45 * 255 + 0.55 * colour.
    expected = [int(0.45 * 255 + 0.55 * value) for value in pictures.HIT]
    assert (np.abs(found[0, 1].astype(int) - expected) <= 3).all()


def test_masks_of_two_classes_are_black_and_white():
    found = pictures.colour_mask(np.array([[0, 1]], np.uint8), 2)
    np.testing.assert_array_equal(found, [[[0] * 3, [255] * 3]])


def test_classes_have_a_colour_each_and_none_that_of_the_background():
    found = pictures.colour_mask(np.arange(255, dtype=np.uint8)[np.newaxis], 255)[0]
    assert len({tuple(colour) for colour in found[:8]}) == 8
    np.testing.assert_array_equal(found[0], [0, 0, 0])
    # From the eighth class beside the background on they are used again.
    np.testing.assert_array_equal(found[8:15], found[1:8])
    assert found[1:].any(axis=1).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_image_can_be_shown(random, dtype, channels):
    image = random.integers(0, 100, (6, 5, channels)).astype(dtype)
    shown = pictures.displayable(image)
    assert (shown.dtype, shown.shape) == (np.uint8, (6, 5, 3))
    assert (shown.min(), shown.max()) == (0, 255)


def test_grey_images_stay_grey_and_keep_their_order():
    shown = pictures.displayable(np.arange(300, dtype=np.uint16).reshape(15, 20, 1))
    np.testing.assert_array_equal(shown[..., 0], shown[..., 2])
    assert (np.diff(shown[..., 0].ravel().astype(int)) >= 0).all()


def test_one_bright_pixel_does_not_darken_the_rest():
    image = np.arange(400, dtype=np.uint16).reshape(20, 20, 1)
    image[0, 0] = 65535
    assert pictures.displayable(image).mean() > 100


def test_a_constant_image_is_shown_without_complaint():
    shown = pictures.displayable(np.full((4, 4, 1), 9, np.uint8))
    assert len(np.unique(shown)) == 1


def test_four_panels_stand_side_by_side():
    found = pictures.comparison(picture([[0, 1]] * 3, [[1, 1]] * 3), 2)
    # Four panels of 2 pixels and three gaps of 4.
    assert (found.dtype, found.shape) == (np.uint8, (3, 4 * 2 + 3 * 4, 3))
    np.testing.assert_array_equal(found[:, 6:8], [[[0] * 3, [255] * 3]] * 3)
    np.testing.assert_array_equal(found[:, 12:14], 255)
    np.testing.assert_array_equal(found[:, 2:6], 255)


def test_ignored_pixels_are_grey_in_masks_and_bare_in_differences():
    ignored = np.array([[IGNORED, 1]], np.uint8)
    for num_classes in (2, 3):
        shown = pictures.colour_mask(ignored, num_classes)
        np.testing.assert_array_equal(shown[0, 0], [128, 128, 128])
    shown = picture(ignored, [[1, 1]], np.array([[[0], [9]]]))
    bare = pictures.displayable(shown.image)[0, 0]
    np.testing.assert_array_equal(difference(shown)[0, 0], bare)
