import numpy as np
import pytest
import tifffile

from pipelines.images.tiff_pixel_size import made_size, pixel_sizes
from pipelines.images.windowed import PixelSize

IMAGE = np.zeros((5, 6), "uint8")


def sizes_of(path, count=1, **options):
    tifffile.imwrite(path, IMAGE, **options)
    with tifffile.TiffFile(path) as file:
        return pixel_sizes(file, count)


def test_ome_says_the_size_and_its_unit(tmp_path):
    about = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 250.0, "PhysicalSizeYUnit": "nm"}
    found = sizes_of(tmp_path / "a.ome.tif", ome=True, metadata=about)
    # The width is in microns, which OME does not need to say.
    assert found == [PixelSize(250.0, pytest.approx(500.0), "nm")]


def test_imagej_says_the_pixels_in_a_unit(tmp_path):
    options = {"imagej": True, "resolution": (2, 4), "metadata": {"unit": "um"}}
    assert sizes_of(tmp_path / "a.tif", **options) == [PixelSize(0.25, 0.5, "µm")]


def test_the_resolution_of_others_is_not_taken(tmp_path):
    found = sizes_of(tmp_path / "a.tif", 2, resolution=(72, 72), resolutionunit=2)
    assert found == [None, None]


@pytest.mark.parametrize("height", [None, "", "much", 0, -1, float("nan"), "inf"])
def test_what_is_no_size_is_none(height):
    assert made_size(height, 1, "µm") is None


def test_a_width_in_a_unit_that_nobody_knows_is_no_size():
    assert made_size(1, 2, "µm", "pixel") is None
    assert made_size(1, 2, "pixel", "pixel") == PixelSize(1.0, 2.0, "pixel")


@pytest.mark.parametrize("unit", ["micron", "um", " µm", "micrometer", r"\u00B5m"])
def test_microns_have_one_name(unit):
    assert made_size("1.5", 2, unit) == PixelSize(1.5, 2.0, "µm")
