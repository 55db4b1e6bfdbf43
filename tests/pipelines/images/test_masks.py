import numpy as np
import pytest

from pipelines.images.masks import as_mask
from pipelines.images.windowed import ArrayImage


class Counted(ArrayImage):
    reads = 0

    def window(self, *place):
        self.reads += 1
        return super().window(*place)


def mask_of(pixels, alpha=False):
    image = Counted(pixels, "a.png")
    image.has_alpha = alpha
    return as_mask(image, object())


@pytest.mark.parametrize("alpha", [False, True])
def test_equal_colours_are_one_channel(random, alpha):
    grey = random.integers(0, 9, (5, 6, 1), "uint8")
    transparency = random.integers(0, 256, (5, 6, 1), "uint8")
    mask = mask_of(np.concatenate([grey] * 3 + [transparency] * alpha, axis=2), alpha)
    assert mask.channels == 1
    np.testing.assert_array_equal(mask.window(1, 2, 3, 4), grey[1:4, 2:6])


@pytest.mark.parametrize("alpha", [False, True])
def test_colours_that_differ_anywhere_stay_three(alpha):
    pixels = np.zeros((5, 6, 3 + alpha), "uint8")
    pixels[4, 5, 2] = 1
    mask = mask_of(pixels, alpha)
    assert mask.channels == 3
    np.testing.assert_array_equal(mask.whole(), pixels[..., :3])


def test_a_file_is_looked_through_once():
    pixels, key = np.zeros((5, 6, 3), "uint8"), "a file"
    image = Counted(pixels, "a.png")
    for _ in range(3):
        as_mask(image, key)
    assert image.reads == 1


def test_masks_of_one_channel_are_not_read_at_opening():
    image = Counted(np.zeros((5, 6, 2), "uint8"), "a.png")
    image.has_alpha = True
    mask = as_mask(image, "grey and alpha")
    assert (mask.channels, mask.has_alpha) == (1, False)
    assert image.reads == 0


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_other_channels_that_differ_are_refused(channels):
    pixels = np.arange(30 * channels).reshape(5, 6, channels)
    with pytest.raises(ValueError, match=rf"a\.png: .* one channel, got {channels} "):
        mask_of(pixels)


def test_whole_floats_become_integers_by_windows():
    pixels = np.zeros((5, 6, 1), "float32")
    pixels[0, 0], pixels[4, 4] = 300, 0.5
    mask = mask_of(pixels)
    assert mask.dtype == np.int64
    window = mask.window(0, 0, 3, 3)
    assert window.dtype == np.int64 and window[0, 0, 0] == 300
    with pytest.raises(ValueError, match=r"a\.png: .*whole numbers, got 0\.5 "):
        mask.window(2, 2, 3, 3)
