import numpy as np
import pytest
from scipy import ndimage

from keras_unet.border_weights import border_weights
from pipelines.images import ArrayCache
from pipelines.tiles import border_maps
from pipelines.tiles.border_maps import open_cells, open_closeness


@pytest.fixture
def blobs(random):
    """A binary mask of some thirty cells."""
    return ndimage.gaussian_filter(random.normal(0, 1, (90, 130)), 5) > 0.03


@pytest.fixture(params=["memory", "cache", "windows"])
def cache(request, tmp_path, monkeypatch, blobs):
    """No cache; one that holds everything; one that holds the cells, not the map."""
    if request.param == "memory":
        return None
    cache = ArrayCache(tmp_path / "cache", 2**30)
    if request.param == "windows":
        get = cache.get

        def refuse_maps(key, name, shape, dtype, fill):
            return None if dtype == np.float32 else get(key, name, shape, dtype, fill)

        monkeypatch.setattr(cache, "get", refuse_maps)
    return cache


def test_windows_of_a_binary_mask_have_the_weights_of_the_whole(
    dataset_of, blobs, cache, monkeypatch
):
    monkeypatch.setattr(border_maps, "PART", 32)
    dataset = dataset_of(blobs.astype(np.uint8) * 255)
    closeness = open_closeness(dataset, 0, 2.0, cache)
    expected = border_weights(blobs, w0=10, sigma=2.0, balance_classes=False)
    assert (closeness.height, closeness.width, closeness.channels) == (90, 130, 1)
    for place in [(0, 0, 90, 130), (10, 20, 30, 40), (89, 0, 1, 130)]:
        top, left, height, width = place
        found = 1 + 10 * closeness.window(*place)[..., 0]
        part = expected[top : top + height, left : left + width]
        np.testing.assert_allclose(found, part, atol=1e-5)


def test_windows_of_instances_have_the_weights_of_the_whole(dataset_of, blobs, cache):
    ids = ndimage.label(blobs)[0].astype(np.uint16)
    # Two cells that touch are two by their ids.
    ids[(ids == 1) & (np.arange(130) % 50 < 25)] = 999
    dataset = dataset_of(ids, mask_kind="instances")
    closeness = open_closeness(dataset, 0, 2.0, cache)
    expected = border_weights(ids, w0=10, sigma=2.0, balance_classes=False)
    found = 1 + 10 * closeness.window(5, 7, 60, 100)[..., 0]
    np.testing.assert_allclose(found, expected[5:65, 7:107], atol=1e-5)


def test_a_cell_cut_by_a_window_stays_one_cell(dataset_of, cache):
    # A horseshoe: its two ends are near, but of one cell.
    mask = np.zeros((80, 40), np.uint8)
    mask[2:78, [4, 8]] = 255
    mask[78, 4:9] = 255
    closeness = open_closeness(dataset_of(mask), 0, 1.0, cache)
    np.testing.assert_array_equal(closeness.window(2, 0, 10, 20), np.zeros((10, 20, 1)))


def test_ignored_pixels_and_background_are_no_cells(dataset_of):
    mask = np.array([[0, 1, 255, 2], [0, 0, 255, 0]], np.uint8)
    dataset = dataset_of(mask, mask_kind="classes", ignore_value=255)
    cells = open_cells(dataset, 0).whole()[..., 0]
    np.testing.assert_array_equal(cells, [[0, 1, 0, 2], [0, 0, 0, 0]])


def test_instances_that_are_ignored_are_no_cells(dataset_of):
    mask = np.array([[0, 7, 9, 9], [0, 0, 3, 0]], np.uint8)
    dataset = dataset_of(mask, mask_kind="instances", ignore_value=9)
    cells = open_cells(dataset, 0).window(0, 1, 2, 3)
    np.testing.assert_array_equal(cells[..., 0], [[7, 0, 0], [0, 3, 0]])


def test_cells_that_do_not_fit_in_the_cache_are_refused(dataset_of, blobs, tmp_path):
    dataset = dataset_of(blobs.astype(np.uint8))
    with pytest.raises(ValueError, match="a.png.*cells do not fit.*cache_gigabytes"):
        open_closeness(dataset, 0, 2.0, ArrayCache(tmp_path / "small", 1000))
