import numpy as np
import pytest

from pipelines.dataset.image_pass import ImageSeen
from pipelines.images import ArrayImage


def look_at(image, how, channels=None):
    return ImageSeen(image, channels or image.channels, how)


def test_no_data_is_a_pixel_of_that_value_in_all_colours_and_not_a_rare_one():
    pixels = np.full((100, 100, 3), 5, "uint8")
    pixels[..., 0] = 0
    image = ArrayImage(pixels, "a")
    image.nodata = 0
    pixels[50, 50] = 9
    assert [one.code for one in look_at(image, "per_image").findings] == []
    pixels[:1, :5] = 0
    assert look_at(image, "per_image").findings == []
    pixels[:1] = 0
    (finding,) = look_at(image, "per_image").findings
    assert finding.message.startswith("1 % of its pixels are NoData (0), and count in")
    (finding,) = look_at(image, "dtype").findings
    assert "mean" not in finding.message


def test_statistics_are_those_of_the_pixels(random):
    pixels = random.integers(0, 256, (20, 30, 2)).astype("uint8")
    seen = look_at(ArrayImage(pixels, "a"), "per_image")
    np.testing.assert_allclose(seen.mean, pixels.mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(seen.std, pixels.std(axis=(0, 1)), rtol=1e-6)
    assert (seen.size, seen.findings) == ((20, 30), [])


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0, 1, False), (-1, 5, False), (0, 4000, True), (0, 0.001, True)],
)
def test_floats_far_from_0_to_1_are_told_where_they_are_not_scaled(low, high, told):
    pixels = np.linspace(low, high, 12, dtype="float32").reshape(3, 4, 1)
    found = look_at(ArrayImage(pixels, "a"), "dtype").findings
    assert [one.code for one in found] == ["float-range"] * told
    if told:
        assert f"from {low} to {high:g}" in found[0].message
    assert look_at(ArrayImage(pixels, "a"), "per_image").findings == []
    whole = (1000 * pixels).astype("uint16")
    assert "float-range" not in {
        one.code for one in look_at(ArrayImage(whole, "a"), "dtype").findings
    }


def test_a_transparent_collar_is_no_data_and_changes_no_digest(random):
    pixels = random.integers(1, 200, (40, 50, 4), dtype="uint8")
    pixels[:10, :, 3] = 0
    image = ArrayImage(pixels, "a.tif")
    image.has_alpha = True
    seen = look_at(image, "per_image", 3)
    (finding,) = seen.findings
    assert finding.code == "no-data"
    assert look_at(image, "per_image").findings == [finding]
    assert "25 % of its pixels are transparent (alpha 0), and" in finding.message
    plain = look_at(ArrayImage(pixels[..., :3], "a.tif"), "per_image")
    assert seen.digest.hexdigest() == plain.digest.hexdigest()


def test_differences_that_float32_cannot_hold_are_told(random):
    image = ArrayImage(random.random((40, 50, 1)) + 1e7, "a.tif")
    (finding,) = look_at(image, "per_image").findings
    assert (finding.code, finding.severity) == ("lost-digits", "warning")
    assert str(finding).startswith("a.tif: pixels are float64 and lie about 1e+07 ")
    assert "lost-digits" not in {one.code for one in look_at(image, "dtype").findings}
