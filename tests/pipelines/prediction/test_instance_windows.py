from unittest import mock

import hypothesis
import numpy as np
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from skimage import measure

from pipelines import scores
from pipelines.prediction import instance_windows
from pipelines.results.layout import ImageLayout, ImageToWrite


def to_write(mask, height, width):
    windows = (
        (top, left, mask[top : top + height, left : left + width, np.newaxis])
        for top in range(0, mask.shape[0], height)
        for left in range(0, mask.shape[1], width)
    )
    return ImageToWrite(ImageLayout(*mask.shape, 1, mask.dtype), windows)


def numbered(mask, height, width, **settings):
    written = to_write(mask, height, width)
    found = instance_windows.instance_windows(written, **settings)
    return np.concatenate([pixels for _, _, pixels in found])[..., 0]


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    mask=arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=24),
        elements=strategies.sampled_from([0, 1, 2]),
    ),
    height=strategies.integers(1, 24),
    width=strategies.integers(1, 24),
    band_rows=strategies.integers(1, 9),
    smallest=strategies.integers(1, 6),
)
def test_numbers_are_those_of_the_whole_mask(mask, height, width, band_rows, smallest):
    with mock.patch.object(instance_windows, "BAND_ROWS", band_rows):
        found = numbered(mask, height, width)
        large = numbered(mask, height, width, smallest=smallest)
    assert found.dtype == large.dtype == np.uint32
    # Objects of two classes stay two, also where they touch.
    np.testing.assert_array_equal(found, measure.label(mask, connectivity=1))
    np.testing.assert_array_equal(large, without_small(mask, smallest))
    # Of one class they are the objects that scores compare.
    one = (mask > 0).astype(np.uint8)
    expected = scores.objects(one > 0, smallest=smallest)
    found = numbered(one, height, width, smallest=smallest)
    np.testing.assert_array_equal(found, expected)


def without_small(mask, smallest):
    """Numbers objects after small ones are removed."""
    objects = measure.label(mask, connectivity=1)
    kept = np.bincount(objects.ravel())[objects] >= smallest
    return measure.label(np.where(kept, mask, 0), connectivity=1)


def test_numbering_is_foreseen_by_the_size_of_the_image():
    layout = ImageLayout(10_000, 20_000, 1, instance_windows.DTYPE)
    assert instance_windows.band_bytes(layout) == 32 * 64 * 20_000
    # One object in 1,000 pixels.
    assert instance_windows.object_bytes(layout) == 32 * 200_000
    # Of the widest images a band is lower.
    wide = ImageLayout(50, 10**6, 1, instance_windows.DTYPE)
    assert instance_windows.band_bytes(wide) == 32 * 4 * 10**6


def test_bands_of_wide_images_are_lower(random, monkeypatch):
    monkeypatch.setattr(instance_windows, "_BAND_PIXELS", 3 * 40 + 1)
    mask = (random.random((10, 40)) > 0.4).astype(np.uint8)
    bands = instance_windows.instance_windows(to_write(mask, 4, 7))
    heights = [len(pixels) for _, _, pixels in bands]
    assert heights == [3, 3, 3, 1]
    found = numbered(mask, 4, 7)
    np.testing.assert_array_equal(found, measure.label(mask, connectivity=1))


def test_an_object_through_all_bands_is_one():
    mask = np.zeros((300, 9), np.uint8)
    mask[:, 2] = mask[:, 6] = 255
    mask[299] = 255
    # Both columns meet in the last row.
    np.testing.assert_array_equal(numbered(mask, 32, 4), mask // 255)
