import threading

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.images.handles import SourceFile
from pipelines.images.tiff import page as tiff_page
from pipelines.images.tiff.page import read_page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("page") / "page.tif"


def page_of(path):
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.offset
    return read_page(SourceFile(path), offset)


@settings(max_examples=120)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    samples=st.sampled_from([1, 3]),
    dtype=st.sampled_from(["uint8", "uint16", "uint32", "float32"]),
    compression=st.sampled_from([None, "lzw", "zlib"]),
    tiled=st.booleans(),
    planes=st.booleans(),
    data=st.data(),
)
def test_any_window_is_that_of_the_whole_image(
    path, shape, samples, dtype, compression, tiled, planes, data
):
    values = np.arange(np.prod(shape) * samples) % 251
    pixels = values.reshape(*shape, samples).astype(dtype)
    stored = np.moveaxis(pixels, 2, 0) if planes and samples > 1 else pixels
    tifffile.imwrite(
        path,
        stored if samples > 1 else pixels[..., 0],
        photometric="rgb" if samples > 1 else "minisblack",
        planarconfig=("separate" if planes else "contig") if samples > 1 else None,
        compression=compression,
        **({"tile": (32, 16)} if tiled else {"rowsperstrip": 5}),
    )
    page = page_of(path)
    top = data.draw(st.integers(0, shape[0] - 1))
    left = data.draw(st.integers(0, shape[1] - 1))
    height = data.draw(st.integers(1, shape[0] - top))
    width = data.draw(st.integers(1, shape[1] - left))
    expected = pixels[top : top + height, left : left + width]
    window = page.window(top, left, height, width)
    np.testing.assert_array_equal(window, expected)
    assert window.dtype == dtype


def test_a_window_decodes_only_the_tiles_it_touches(path, monkeypatch):
    pixels = np.arange(64 * 64, dtype="uint16").reshape(64, 64)
    tifffile.imwrite(path, pixels, tile=(16, 16), compression="zlib")
    read = []
    exactly = tiff_page.read_exactly
    monkeypatch.setattr(
        tiff_page, "read_exactly", lambda *args: read.append(args) or exactly(*args)
    )
    page = page_of(path)
    page.window(15, 20, 2, 3)
    # Rows 15 and 16 are in two tiles of the second column.
    assert len(read) == 2
    page.window(15, 20, 2, 3)
    assert len(read) == 2


def test_threads_read_the_same_page(path, random):
    pixels = random.integers(0, 2**16, (300, 300), "uint16")
    tifffile.imwrite(path, pixels, tile=(32, 32), compression="lzw")
    page, wrong = page_of(path), []

    def work(seed):
        places = np.random.default_rng(seed).integers(0, 250, (40, 2))
        for top, left in places.tolist():
            expected = pixels[top : top + 50, left : left + 50, None]
            if not np.array_equal(page.window(top, left, 50, 50), expected):
                wrong.append((top, left))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_tile_that_is_left_out_has_the_value_for_no_data(path):
    tifffile.imwrite(
        path,
        iter([bytes([1]) * 256, b""]),
        shape=(16, 32),
        dtype="uint8",
        tile=(16, 16),
        compression=None,
        metadata=None,
        # GDAL's tag for it.
        extratags=[(42113, 2, None, "7", True)],
    )
    window = page_of(path).window(0, 10, 2, 12)[..., 0]
    np.testing.assert_array_equal(window, [[1] * 6 + [7] * 6] * 2)


def test_a_page_without_any_tile_is_empty_unless_it_is_huge(path):
    def write(side):
        tifffile.imwrite(
            path,
            iter([b""] * (side // 16384) ** 2),
            shape=(side, side),
            dtype="uint8",
            tile=(16384, 16384),
            compression="zlib",
            metadata=None,
        )

    write(16384)
    assert not page_of(path).window(5, 5, 3, 3).any()
    write(16384 * 5)
    with pytest.raises(ValueError, match="all its tiles or strips are left out"):
        page_of(path)


@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_packed_bits_become_numbers(path, bits):
    pixels = (np.arange(7 * 9) * 37 % 2**bits).reshape(7, 9)
    values = pixels[..., None] >> np.arange(bits)[::-1] & 1
    rows = np.packbits(values.astype("uint8").reshape(7, -1), axis=1)
    tifffile.imwrite(path, rows, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name, value in (("ImageWidth", 9), ("BitsPerSample", bits)):
            file.pages.first.tags[name].overwrite(value)
    np.testing.assert_array_equal(page_of(path).window(0, 0, 7, 9)[..., 0], pixels)
