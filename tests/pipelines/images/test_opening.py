import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr

from pipelines.images import (
    ArrayCache,
    ImageEntry,
    decoded,
    find_images,
    open_image,
    open_mask,
)


@pytest.fixture
def colour(random):
    return random.integers(0, 256, (20, 30, 3), "uint8")


def saved(path, pixels):
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb", compression="zlib")
    elif path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".zarr":
        zarr.create_array(path, data=pixels, chunks=(16, 16, 3))
    else:
        PIL.Image.fromarray(pixels).save(path, lossless=True)
    return ImageEntry(path)


NAMES = ["a.png", "a.bmp", "a.webp", "a.tif", "a.npy", "a.zarr"]
EVERY_KIND = pytest.mark.parametrize("name", NAMES)


@EVERY_KIND
@pytest.mark.parametrize("cached", [False, True])
def test_every_kind_opens_as_the_same_windows(tmp_path, colour, name, cached):
    cache = ArrayCache(tmp_path / "cache", 10**6) if cached else None
    image = open_image(saved(tmp_path / name, colour), cache)
    assert (image.height, image.width, image.channels) == (20, 30, 3)
    assert image.dtype == np.uint8 and image.name == str(tmp_path / name)
    np.testing.assert_array_equal(image.window(3, 4, 5, 6), colour[3:8, 4:10])
    np.testing.assert_array_equal(image.whole(), colour)


@EVERY_KIND
def test_masks_of_every_kind_have_three_colours_or_one_grey(tmp_path, colour, name):
    mask = open_mask(saved(tmp_path / name, colour))
    np.testing.assert_array_equal(mask.whole(), colour)
    grey = np.repeat(colour[..., :1], 3, axis=2)
    mask = open_mask(saved(tmp_path / f"grey{name[1:]}", grey))
    np.testing.assert_array_equal(mask.whole(), grey[..., :1])


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_masks_drop_alpha_and_images_keep_it(tmp_path, colour, name):
    alpha = np.full((20, 30, 1), 200, "uint8")
    entry = saved(tmp_path / name, np.concatenate([colour, alpha], axis=2))
    np.testing.assert_array_equal(open_mask(entry).whole(), colour)
    assert open_image(entry).channels == 4


@pytest.mark.parametrize("name", [*NAMES, "a.jpg", "a.czi"])
@pytest.mark.parametrize("opener", [open_image, open_mask])
def test_a_missing_file_is_named(tmp_path, name, opener):
    with pytest.raises(ValueError, match=f"{name}: the file does not exist"):
        opener(ImageEntry(tmp_path / name))


def test_many_images_open_without_decoding_any(tmp_path, colour):
    entry = saved(tmp_path / "a.png", colour)
    cache = ArrayCache(tmp_path / "cache", 10**6)
    images = [open_image(entry, cache) for _ in range(2000)]
    assert not (tmp_path / "cache").exists()
    assert (images[-1].whole() == colour).all()


# Decoded as a whole, and read by windows.
@pytest.mark.parametrize("large_segment", [-1, 10**9])
@EVERY_KIND
def test_a_closed_image_keeps_no_file_open(
    tmp_path, colour, monkeypatch, name, large_segment, open_files
):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", large_segment)
    cache = ArrayCache(tmp_path / "cache", 10**6)
    (entry,) = find_images(str(saved(tmp_path / name, colour).path))
    with open_image(entry, cache) as image:
        np.testing.assert_array_equal(image.whole(), colour)
    assert open_files() == []
