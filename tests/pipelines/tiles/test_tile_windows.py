import numpy as np
import pytest
import tensorflow as tf

from pipelines.config import DataConfig
from pipelines.dataset import Dataset, load_dataset
from pipelines.images import ArrayCache
from pipelines.tiles.places import Places
from pipelines.tiles.tile_windows import TileWindows

SEED = tf.constant([1, 2])


@pytest.fixture
def make_dataset(write_pair, folders):
    def make(*dtypes):
        mask = np.zeros((20, 30), np.uint8)
        mask[5:9, 5:9] = mask[5:9, 12:15] = 1
        for number, dtype in enumerate(dtypes):
            image = np.arange(20 * 30, dtype=dtype).reshape(20, 30)
            write_pair(f"{number}.tif", mask, image)
        return load_dataset(DataConfig(**folders))

    return make


@pytest.mark.parametrize("cached", [False, True])
def test_image_mask_and_border_term_are_of_one_place(make_dataset, tmp_path, cached):
    dataset = make_dataset("uint16")
    cache = ArrayCache(tmp_path / "cache", 2**20) if cached else None
    places = Places(dataset, 12, seed=0)
    windows = TileWindows(dataset, places, 20, 12, sigma=2.0, cache=cache)
    index, image, mask, closeness = windows.window(tf.constant(0, tf.int64), SEED)
    assert int(index) == 0
    assert (image.shape, image.dtype) == ((20, 20, 1), tf.uint16)
    assert (mask.shape, mask.dtype) == ((20, 20, 1), tf.uint8)
    assert (closeness.shape, closeness.dtype) == ((20, 20, 1), tf.float32)
    numbers = np.asarray(image)[..., 0].astype(int)
    np.testing.assert_array_equal(
        np.asarray(mask)[..., 0], dataset.mask(0).ravel()[numbers]
    )
    # Between the two cells, 3 pixels apart.
    between = (numbers // 30 == 7) & (numbers % 30 == 10)
    expected = np.exp(-((2 + 2) ** 2) / 8)
    np.testing.assert_allclose(np.asarray(closeness)[between], expected, rtol=1e-6)
    assert between.any()


def test_without_a_weight_map_none_is_read(make_dataset):
    dataset = make_dataset("uint8")
    windows = TileWindows(dataset, Places(dataset, 8, seed=0), 8, 8)
    assert windows.window(tf.constant(0, tf.int64), SEED)[3] is None


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["uint8"], "uint8"),
        (["uint8", "uint16"], "uint16"),
        (["uint16", "float32"], "float32"),
        # Too large for the types that are fast; the net computes in float32.
        (["int32"], "float32"),
        (["float64"], "float32"),
        (["uint16", "int16"], "float32"),
    ],
)
def test_pixels_cross_in_a_small_type_that_holds_all(make_dataset, dtypes, expected):
    dataset = make_dataset(*dtypes)
    windows = TileWindows(dataset, Places(dataset, 8, seed=0), 8, 8)
    _, image, _, _ = windows.window(tf.constant(0, tf.int64), SEED)
    assert image.dtype == expected


@pytest.mark.parametrize("cached", [True, False])
def test_a_bounded_number_of_images_stays_open_but_all_that_are_in_memory(
    make_dataset, monkeypatch, tmp_path, cached
):
    dataset = make_dataset("uint8", "uint8", "uint8")
    monkeypatch.setattr("pipelines.tiles.tile_windows.OPEN_IMAGES", 2)
    opened = []
    original = Dataset.open_image

    def open_image(self, index, cache):
        opened.append(index)
        return original(self, index, cache)

    monkeypatch.setattr(Dataset, "open_image", open_image)
    places = Places(dataset, 64, seed=0)
    cache = ArrayCache(tmp_path, 10**6) if cached else None
    windows = TileWindows(dataset, places, 8, 8, cache=cache)
    assert not opened
    for slot in (0, 1, 0, 1, 2, 0):
        windows.window(tf.constant(slot, tf.int64), SEED)
    assert opened == ([0, 1, 2, 0] if cached else [0, 1, 2])
