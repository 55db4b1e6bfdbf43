import threading

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.images import ArrayCache, decoded, zarr_store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.zarr"


def write(path, pixels, **options):
    options = {"chunks": (16, 16, *pixels.shape[2:])} | options
    array = zarr.create_array(path, shape=pixels.shape, dtype=pixels.dtype, **options)
    array[...] = pixels
    return array


def opened(path, index=0, cache=None):
    return zarr_store.open_zarr(path, index, "a", cache)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool"])
def test_both_formats_are_read_exactly(path, random, version, dtype):
    pixels = random.integers(0, 200, (40, 50, 3)).astype(dtype)
    write(path, pixels, zarr_format=version)
    image = opened(path)
    assert image.dtype == ("uint8" if dtype == "bool" else dtype)
    np.testing.assert_array_equal(image.whole(), pixels)


def test_shards_are_read_by_their_chunks(path, random):
    pixels = random.integers(0, 200, (64, 64), "uint8")
    write(path, pixels, shards=(32, 32), chunks=(16, 16))
    np.testing.assert_array_equal(opened(path).whole()[..., 0], pixels)


@settings(max_examples=40)
@given(data=st.data())
def test_any_window_is_that_of_the_whole_image(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("zarr") / "a.zarr"
    pixels = np.arange(37 * 41, dtype="uint16").reshape(37, 41)
    write(path, pixels, chunks=(16, 9))
    top, left = data.draw(st.integers(0, 36)), data.draw(st.integers(0, 40))
    height = data.draw(st.integers(1, 37 - top))
    width = data.draw(st.integers(1, 41 - left))
    np.testing.assert_array_equal(
        opened(path).window(top, left, height, width)[..., 0],
        pixels[top : top + height, left : left + width],
    )


def test_images_of_a_stack_are_counted_and_read(path, random):
    pixels = random.integers(0, 200, (3, 20, 30, 2), "uint8")
    write(path, pixels, chunks=(2, 16, 16, 1))
    assert zarr_store.count_images(path) == 3
    window = opened(path, 2).window(1, 2, 9, 8)
    np.testing.assert_array_equal(window, pixels[2, 1:10, 2:10])
    with pytest.raises(ValueError, match="^a: .*it holds 3 images"):
        opened(path, 3)


def test_large_chunks_are_decoded_once_into_the_cache(
    path, tmp_path, random, monkeypatch
):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 100)
    pixels = random.integers(0, 200, (40, 50), "uint8")
    write(path, pixels, chunks=(16, 20))
    image = opened(path, cache=ArrayCache(tmp_path / "cache", 10**6))
    np.testing.assert_array_equal(image.window(5, 6, 7, 8)[..., 0], pixels[5:12, 6:14])
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1
    np.testing.assert_array_equal(image.whole()[..., 0], pixels)


def test_large_chunks_of_a_large_image_are_not_decoded_into_memory(
    path, random, monkeypatch
):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 100)
    monkeypatch.setattr(decoded, "_MOST_KEPT", 1000)
    pixels = random.integers(0, 200, (40, 50), "uint8")
    write(path, pixels, chunks=(16, 20))
    image = opened(path)
    assert isinstance(image, zarr_store._ZarrImage)
    np.testing.assert_array_equal(image.whole()[..., 0], pixels)


def test_threads_read_the_same_store(path, random):
    pixels = random.integers(0, 200, (100, 100), "uint8")
    write(path, pixels)
    image, wrong = opened(path), []

    def work(seed):
        for top, left in np.random.default_rng(seed).integers(0, 60, (20, 2)).tolist():
            expected = pixels[top : top + 40, left : left + 40, None]
            if not np.array_equal(image.window(top, left, 40, 40), expected):
                wrong.append((top, left))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_chunk_that_is_cut_is_refused_by_name(path, random):
    write(path, random.integers(0, 200, (32, 32), "uint8"))
    chunk = next(
        file for file in path.rglob("*") if file.is_file() and "c" in file.parts
    )
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(ValueError, match="^a: cannot be read as ZARR"):
        opened(path).whole()


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"zarr_format": 9}'])
def test_a_folder_that_is_no_store_is_refused_by_name(path, content):
    path.mkdir()
    if content is not None:
        (path / "zarr.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read as ZARR"):
        zarr_store.count_images(path)


def test_chunks_that_are_written_anew_are_read_anew(path, random):
    pixels = random.integers(0, 99, (40, 50)).astype("uint8")
    array = write(path, pixels)
    np.testing.assert_array_equal(opened(path).whole()[..., 0], pixels)
    array[...] = pixels + 100
    np.testing.assert_array_equal(opened(path).whole()[..., 0], pixels + 100)


def test_an_array_within_a_group_may_change_its_shape(path, random):
    group = zarr.open_group(path, mode="w")
    scale = {"type": "scale", "scale": [1, 1]}
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": ["y", "x"], "datasets": datasets}],
    }
    group.create_array("0", shape=(5, 6), dtype="uint8")
    assert opened(path).whole().shape == (5, 6, 1)
    group.create_array("0", shape=(7, 8), dtype="uint8", overwrite=True)
    assert opened(path).whole().shape == (7, 8, 1)


def test_an_empty_mask_has_no_chunks_and_is_read(path):
    array = write(path, np.zeros((40, 50), "uint8"))
    assert array.nchunks_initialized == 0
    assert not opened(path).whole().any()
