import zlib

import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.images import ImageEntry, open_image
from pipelines.images.orientation import AS_STORED, of_exif, of_tag

PIXELS = np.zeros((4, 6), np.uint8)


def orientation(path):
    with open_image(ImageEntry(path)) as image:
        return image.orientation


def written(path, number):
    exif = PIL.Image.Exif()
    exif[0x0112] = number
    PIL.Image.fromarray(PIXELS).convert("RGB").save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_says_how_an_image_is_to_be_shown(tmp_path, suffix):
    assert orientation(written(tmp_path / f"a{suffix}", 6)) == 6


@pytest.mark.parametrize("settings", [{}, {"tile": (16, 16), "compression": "zlib"}])
def test_a_tiff_has_a_tag_for_it(tmp_path, settings):
    extratags = [(274, 3, 1, 8, True)]
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, extratags=extratags, **settings)
    assert orientation(tmp_path / "a.tif") == 8


def test_what_says_nothing_or_nonsense_is_as_stored(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    np.save(tmp_path / "a.npy", PIXELS)
    for path in (tmp_path / "a.tif", tmp_path / "a.npy"):
        assert orientation(path) == AS_STORED
    assert orientation(written(tmp_path / "a.jpg", 99)) == AS_STORED
    assert of_tag("6") == of_tag(None) == of_tag(0) == AS_STORED


def test_damaged_exif_is_no_hindrance(tmp_path):
    path = written(tmp_path / "a.png", 6)
    content = path.read_bytes()
    start = content.index(b"eXIf")
    size = int.from_bytes(content[start - 4 : start], "big")
    nonsense = b"eXIf" + b"MM\0*" + bytes([255] * (size - 4))
    damaged = nonsense + zlib.crc32(nonsense).to_bytes(4, "big")
    path.write_bytes(content[:start] + damaged + content[start + 8 + size :])
    assert orientation(path) == AS_STORED
    with open_image(ImageEntry(path)) as image:
        assert image.whole().shape == (4, 6, 3)

    def damage():
        raise SyntaxError("not a TIFF file")

    assert of_exif(damage) == AS_STORED
