import numpy as np
import pytest

from pipelines import scaling
from pipelines.dataset.no_data import NoData
from pipelines.images import ArrayImage
from pipelines.prediction.image_statistics import statistics_of


def image_of(array, nodata=None, has_alpha=False):
    image = ArrayImage(array, "a.tif")
    image.nodata, image.has_alpha = nodata, has_alpha
    return image


def test_nodata_is_counted_by_whole_pixels(random):
    array = random.integers(1, 200, (40, 50, 2), dtype=np.uint8)
    # 12 pixels, and one that is known in a channel.
    array[:3, :4] = 0
    array[20, 20, 0] = 0
    found = statistics_of(image_of(array, 0), 2, "per_image")
    assert found.no_data == NoData("a.tif", 12 / 2000, 0)
    expected = scaling.statistics_of(image_of(array))
    np.testing.assert_array_equal([found.mean, found.std], expected)
    # One pixel of 2000 is too few to be told; and no statistics, no harm.
    array[:3, :4] = 1
    array[20, 20] = 0
    assert statistics_of(image_of(array, 0), 2, "per_image").no_data is None
    assert statistics_of(image_of(array * 0, 0), 2, "dtype").no_data is None


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "NaN or inf"), (np.inf, "NaN or inf"), (1e200, "beyond the range of")],
)
def test_pixels_that_cannot_be_scaled_are_refused(value, message):
    array = np.zeros((8, 8, 1))
    array[2, 2] = value
    with pytest.raises(ValueError, match=f"a.tif: holds .*{message}"):
        statistics_of(image_of(array), 1, "per_image")


def test_an_alpha_that_the_net_does_not_take_is_looked_at(random):
    array = random.integers(1, 200, (40, 50, 4), dtype=np.uint8)
    array[:10, :, 3] = 0
    found = statistics_of(image_of(array, has_alpha=True), 3, "per_image")
    assert found.no_data == NoData("a.tif", 0.25, None)
    expected = scaling.statistics_of(image_of(array[..., :3]))
    np.testing.assert_array_equal([found.mean, found.std], expected)


def test_differences_that_float32_cannot_hold_are_doubted(random):
    array = random.random((40, 50, 1))
    assert statistics_of(image_of(array + 1e7), 1, "dtype").doubt is None
    assert statistics_of(image_of(array), 1, "per_image").doubt is None
    found = statistics_of(image_of(array + 1e7), 1, "per_image")
    assert found.doubt.startswith("pixels are float64 and lie about 1e+07 from 0")
    expected = scaling.statistics_of(image_of(array + 1e7))
    np.testing.assert_array_equal([found.mean, found.std], expected)
