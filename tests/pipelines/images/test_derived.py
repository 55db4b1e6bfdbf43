import numpy as np
import pytest

from pipelines.images import ArrayImage, PixelSize
from pipelines.images.derived import MatchedChannels


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
    image = ArrayImage(np.zeros((2, 2, 3)), "a.png")
    with pytest.raises(ValueError, match=r"a\.png: 1 channels expected, got 3"):
        MatchedChannels(image, 1)
