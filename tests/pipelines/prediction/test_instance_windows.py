import tracemalloc
from unittest import mock

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from skimage import measure

from pipelines import scores
from pipelines.prediction import instance_windows
from pipelines.prediction.output_values import RIM
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


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    mask=arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=strategies.sampled_from([0, RIM, RIM, RIM, 255]),
    ),
    band_rows=strategies.integers(1, 12),
    smallest=strategies.integers(1, 3),
)
def test_objects_grow_into_their_rims_as_in_the_whole_mask(mask, band_rows, smallest):
    with mock.patch.object(instance_windows, "BAND_ROWS", band_rows):
        found = numbered(mask, 16, 40, smallest=smallest, rim=RIM)
    assert found.dtype == np.uint32
    expected = scores.objects(mask == 255, smallest=smallest, within=mask > 0)
    np.testing.assert_array_equal(found, expected)


def without_small(mask, smallest):
    """Numbers objects after small ones are removed."""
    objects = measure.label(mask, connectivity=1)
    kept = np.bincount(objects.ravel())[objects] >= smallest
    return measure.label(np.where(kept, mask, 0), connectivity=1)


def chequered(height, width):
    """Every second pixel is an object: there cannot be more."""
    return ((np.arange(height)[:, np.newaxis] + np.arange(width)) % 2).astype(np.uint8)


def rimmed(height, width):
    """Every third pixel is an object, and all others are rim."""
    found = (np.arange(height)[:, np.newaxis] + np.arange(width)) % 3 == 0
    return np.where(found, 255, RIM).astype(np.uint8)


def striped(height, width):
    """All objects go through all bands."""
    return np.tile(np.arange(width, dtype=np.uint8) % 2, (height, 1))


@pytest.mark.parametrize(
    ("pattern", "rim"), [(chequered, None), (striped, None), (rimmed, RIM)]
)
@pytest.mark.parametrize("shape", [(640, 2000), (40, 200_000)])
def test_the_memory_is_that_of_a_band_whatever_is_in_it(pattern, rim, shape):
    mask = pattern(*shape)
    written = to_write(mask, 128, shape[1])
    foreseen = instance_windows.band_bytes(written.layout, rim=rim is not None)
    tracemalloc.start()
    for _ in instance_windows.instance_windows(written, rim=rim):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.4 * foreseen < peak < foreseen, peak / foreseen


def test_more_objects_than_uint32_holds_are_refused(monkeypatch):
    monkeypatch.setattr(instance_windows, "MOST_OBJECTS", 4999)
    mask = chequered(100, 100)
    with pytest.raises(ValueError, match="more than 4999 objects.*smallest_object"):
        numbered(mask, 32, 32)
    # Those that are left out need no number.
    assert numbered(mask, 32, 32, smallest=2).max() == 0


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
