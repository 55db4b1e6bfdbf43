import numpy as np
import pytest

from pipelines.dataset.no_data import NoData, WatchedImage, count_of
from pipelines.images import ArrayImage, blocks


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("uint8", 7, 2),
        # Values that the type cannot hold.
        ("uint8", -9999, 0),
        ("uint8", 263, 0),
        ("uint8", 7.5, 0),
        ("uint8", float("nan"), 0),
        ("float32", 7.0, 2),
        ("float32", 1e300, 0),
    ],
)
def test_a_value_is_counted_as_far_as_the_type_holds_it(dtype, value, expected):
    pixels = np.array([[7, 1], [7, 2]], dtype)[..., np.newaxis]
    assert count_of(pixels, value) == expected


def test_the_smallest_float_of_gdal_is_known_in_any_digits():
    pixels = np.array([[[np.finfo("float32").min], [0]]], "float32")
    for value in (-3.4028235e38, -3.40282346638529e38):
        assert count_of(pixels, value) == 1


def image_of(pixels, nodata=None):
    image = ArrayImage(pixels, "a.tif")
    image.has_alpha, image.nodata = True, nodata
    return image


def read(image):
    watched = WatchedImage(image)
    parts = [pixels for _, _, pixels in blocks(watched, 2**14)]
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate(parts), image.whole())
    return watched.no_data()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_transparent_pixels_are_counted(random, dtype):
    pixels = random.integers(1, 200, (600, 100, 4)).astype(dtype)
    pixels[:150, :, 3] = 0
    image = image_of(pixels)
    assert read(image) == NoData("a.tif", 0.25, None)
    assert read(image).kind == "transparent (alpha 0)"
    # What is half transparent was seen; and an alpha of 0 everywhere tells nothing.
    pixels[..., 3] = 1
    assert read(image) is None
    pixels[..., 3] = 0
    assert read(image) is None


def test_of_nodata_and_transparent_pixels_the_more_are_told(random):
    pixels = random.integers(1, 200, (600, 100, 4), dtype=np.uint8)
    pixels[:150] = 0
    image = image_of(pixels, nodata=0)
    assert read(image) == NoData("a.tif", 0.25, 0)
    assert read(image).kind == "NoData (0)"
    pixels[150:300, :, 3] = 0
    assert read(image) == NoData("a.tif", 0.5, None)


def test_a_last_channel_that_is_no_alpha_is_not_looked_at():
    pixels = np.ones((600, 100, 4), np.uint8)
    pixels[:300, :, 3] = 0
    assert read(ArrayImage(pixels, "a.tif")) is None
