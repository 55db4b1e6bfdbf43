import numpy as np
import pytest
import tifffile

from pipelines.images import ArrayCache, decoded
from pipelines.images.tiff import image as tiff_image
from pipelines.images.tiff.image import open_tiff


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


@pytest.fixture
def cache(tmp_path):
    return ArrayCache(tmp_path / "cache", 10**8)


def opened(path, cache=None, index=0, as_mask=False):
    return open_tiff(path, index, "a", cache, as_mask=as_mask)


@pytest.mark.parametrize("tiled", [False, True])
def test_large_segments_are_decoded_once_into_the_cache(
    path, cache, tmp_path, random, monkeypatch, tiled
):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 100)
    pixels = random.integers(0, 255, (70, 90, 3), "uint8")
    options = {"tile": (32, 32)} if tiled else {"rowsperstrip": 70}
    tifffile.imwrite(path, pixels, photometric="rgb", compression="zlib", **options)
    image = opened(path, cache)
    assert not (tmp_path / "cache").exists()
    np.testing.assert_array_equal(image.window(5, 6, 50, 60), pixels[5:55, 6:66])
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1
    np.testing.assert_array_equal(opened(path).whole(), pixels)


def test_segments_that_the_cache_cannot_hold_are_read_by_windows(
    path, tmp_path, monkeypatch
):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 100)
    pixels = np.arange(70 * 90, dtype="uint16").reshape(70, 90)
    tifffile.imwrite(path, pixels, compression="zlib", rowsperstrip=35)
    # More than is decoded into memory; a strip has 6,300 bytes.
    monkeypatch.setattr(decoded, "_MOST_KEPT", 10_000)
    image = opened(path, ArrayCache(tmp_path / "cache", 100))
    for one in (image, opened(path)):
        assert isinstance(one, tiff_image._TiffImage)
    np.testing.assert_array_equal(
        image.window(30, 6, 9, 60)[..., 0], pixels[30:39, 6:66]
    )
    assert not (tmp_path / "cache").exists()


def test_channels_of_several_pages_are_put_together_by_windows(path, random):
    stack = random.integers(0, 2**16, (2, 3, 40, 50), "uint16")
    tifffile.imwrite(
        path,
        stack,
        ome=True,
        tile=(16, 16),
        compression="lzw",
        metadata={"axes": "ZCYX"},
    )
    expected = np.moveaxis(stack[1], 0, 2)[7:27, 9:39]
    np.testing.assert_array_equal(opened(path, index=1).window(7, 9, 20, 30), expected)


def test_an_image_that_is_not_there_is_refused(path):
    tifffile.imwrite(path, np.zeros((5, 6), "uint8"))
    with pytest.raises(
        ValueError, match="^a: cannot be read as TIFF .it holds 1 image"
    ):
        opened(path, index=3)


def test_a_page_unlike_the_first_is_refused(path):
    with tifffile.TiffWriter(path) as writer:
        for _ in range(2):
            writer.write(np.zeros((8, 9), "uint8"), contiguous=False, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        image = opened(path, index=1)
        file.pages[1].tags["ImageWidth"].overwrite(8)
    with pytest.raises(ValueError, match="^a: "):
        image.whole()


def test_a_tiff_that_changes_while_open_is_refused(path):
    tifffile.imwrite(path, np.zeros((64, 64), "uint8"), tile=(16, 16))
    image = opened(path)
    image.window(0, 0, 5, 5)
    tifffile.imwrite(path, np.ones((128, 64), "uint8"), tile=(16, 16))
    with pytest.raises(ValueError, match="^a: the file has changed"):
        image.window(0, 0, 5, 5)
