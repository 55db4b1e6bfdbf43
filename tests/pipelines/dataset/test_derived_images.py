import numpy as np
import pytest

from pipelines.dataset.derived_images import ClassIds, MatchedChannels
from pipelines.dataset.mask_values import IGNORED, MaskCoding
from pipelines.images import ArrayImage, PixelSize


def test_channels_beyond_the_models_are_left_out_of_every_window(random):
    pixels = random.integers(0, 256, (5, 7, 4), dtype="uint8")
    size = PixelSize(0.5, 0.5, "µm")
    with MatchedChannels(ArrayImage(pixels, "a.png", size), 3) as image:
        assert (image.name, image.height, image.width, image.channels) == (
            *("a.png", 5, 7),
            3,
        )
        assert image.pixel_size == size
        np.testing.assert_array_equal(image.window(1, 2, 3, 4), pixels[1:4, 2:6, :3])


def test_channels_that_do_not_fit_are_named():
    image = MatchedChannels(ArrayImage(np.zeros((2, 2, 3)), "a.png"), 1)
    with pytest.raises(ValueError, match=r"a\.png: 1 channels expected, got 3"):
        image.whole()


def test_a_mask_becomes_class_ids_window_by_window():
    mask = ArrayImage(
        np.array([[0, 300, 300], [7, 0, 65535]], "uint16")[..., None], "m"
    )
    coding = MaskCoding("instances", None, 2, (), 65535)
    ids = ClassIds(mask, coding)
    assert (ids.channels, ids.dtype) == (1, np.uint8)
    np.testing.assert_array_equal(
        ids.window(0, 1, 2, 2)[..., 0], [[1, 1], [0, IGNORED]]
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_masks_in_colour_may_be_grey_files_too(channels):
    mask = ArrayImage(np.full((1, 1, channels), 255, "uint8"), "m")
    coding = MaskCoding("classes", None, 2, ("000000", "FFFFFF"))
    assert ClassIds(mask, coding).whole() == 1
