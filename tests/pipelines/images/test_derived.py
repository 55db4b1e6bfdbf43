import numpy as np
import pytest

from pipelines.images import ArrayImage, PixelSize
from pipelines.images.derived import MatchedChannels


def test_channels_beyond_the_models_are_left_out_of_every_window(random):
    pixels = random.integers(0, 256, (5, 7, 4), dtype="uint8")
    size = PixelSize(0.5, 0.5, "µm")
    source = ArrayImage(pixels, "a.png")
    source.has_alpha, source.pixel_size = True, size
    with MatchedChannels(source, 3) as image:
        assert not image.has_alpha
        assert (image.name, image.height, image.width, image.channels) == (
            *("a.png", 5, 7),
            3,
        )
        assert image.pixel_size == size
        np.testing.assert_array_equal(image.window(1, 2, 3, 4), pixels[1:4, 2:6, :3])


def test_a_fourth_channel_that_is_no_alpha_is_not_left_out():
    image = ArrayImage(np.zeros((2, 2, 4)), "a.png")
    with pytest.raises(ValueError, match=r"a\.png: 3 channels expected, got 4"):
        MatchedChannels(image, 3)
    assert MatchedChannels(image, 4).channels == 4


def test_channels_that_do_not_fit_are_named():
    image = ArrayImage(np.zeros((2, 2, 3)), "a.png")
    with pytest.raises(ValueError, match=r"a\.png: 1 channels expected, got 3"):
        MatchedChannels(image, 1)
