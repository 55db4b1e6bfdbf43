import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.images.orientation import AS_STORED, orientation

PIXELS = np.zeros((4, 6), np.uint8)


def written(path, number):
    exif = PIL.Image.Exif()
    exif[0x0112] = number
    PIL.Image.fromarray(PIXELS).convert("RGB").save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_says_how_an_image_is_to_be_shown(tmp_path, suffix):
    assert orientation(written(tmp_path / f"a{suffix}", 6)) == 6


def test_a_tiff_has_a_tag_for_it(tmp_path):
    extratags = [(274, 3, 1, 8, True)]
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, extratags=extratags)
    assert orientation(tmp_path / "a.tif") == 8


def test_what_says_nothing_or_nonsense_is_as_stored(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    np.save(tmp_path / "a.npy", PIXELS)
    for path in (tmp_path / "a.tif", tmp_path / "a.npy"):
        assert orientation(path) == AS_STORED
    assert orientation(written(tmp_path / "a.jpg", 99)) == AS_STORED
