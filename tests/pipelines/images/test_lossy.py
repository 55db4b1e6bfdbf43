import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.images.lossy import lossy_compression

MASK = np.zeros((64, 64), np.uint8)
MASK[20:40, 10:50] = 255


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("a.JPG", {"format": "JPEG"}, "JPEG"),
        ("a.webp", {"lossless": False}, "lossy WebP"),
        ("a.webp", {"lossless": True}, None),
        # A profile makes the extended form, in which the pixels are a later chunk.
        ("a.webp", {"lossless": False, "icc_profile": b"odd"}, "lossy WebP"),
        ("a.webp", {"lossless": True, "icc_profile": b"odd"}, None),
        ("a.png", {}, None),
        ("a.bmp", {}, None),
    ],
)
def test_compression_is_lossy_or_not(tmp_path, name, settings, expected):
    PIL.Image.fromarray(MASK).save(tmp_path / name, **settings)
    assert lossy_compression(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("compression", "settings", "expected"),
    [
        ("jpeg", {}, "JPEG"),
        ("webp", {"level": 50, "lossless": False}, "lossy WebP"),
        ("webp", {"lossless": True}, None),
        ("zlib", {}, None),
        (None, {}, None),
    ],
)
def test_a_tiff_says_how_it_is_compressed(tmp_path, compression, settings, expected):
    path = tmp_path / "a.tif"
    pixels = np.repeat(MASK[..., np.newaxis], 3, axis=2)
    tifffile.imwrite(
        path, pixels, compression=compression, compressionargs=settings, tile=(32, 32)
    )
    assert lossy_compression(path) == expected


def test_what_has_no_such_compression_is_not_opened(tmp_path):
    assert lossy_compression(tmp_path / "none.npy") is None
