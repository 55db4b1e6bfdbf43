import numpy as np
import pytest
import tifffile

from pipelines.images import find_images, open_image
from pipelines.images.stack_axes import StackAxis

PIXELS = np.zeros((2, 3, 5, 6), np.uint8)
SIZES = {"PhysicalSizeZ": 0.5, "PhysicalSizeZUnit": "nm", "TimeIncrement": 2.0}


def stacks(path):
    found = set()
    for entry in find_images(str(path)):
        with open_image(entry) as image:
            found.add(image.stack)
    return found


def test_time_and_depth_of_ome_tiff_are_known(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, PIXELS, metadata={"axes": "ZTYX", **SIZES})
    expected = StackAxis("z", 2, 0.5, "nm"), StackAxis("t", 3, 2.0, "s")
    assert stacks(path) == {expected}


def test_time_and_depth_of_imagej_are_known(tmp_path):
    path = tmp_path / "a.tif"
    about = {"axes": "TZYX", "spacing": 0.5, "unit": "um", "finterval": 2.0}
    tifffile.imwrite(path, PIXELS, imagej=True, metadata=about)
    expected = StackAxis("t", 2, 2.0, "s"), StackAxis("z", 3, 0.5, "\u00b5m")
    assert stacks(path) == {expected}


@pytest.mark.parametrize("about", [{"axes": "QTYX"}, None])
def test_pages_without_names_have_no_axes(tmp_path, about):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, metadata=about, photometric="minisblack")
    assert stacks(path) == {()}


def test_two_series_are_no_stack(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for _ in range(2):
            writer.write(PIXELS[0], metadata={"axes": "ZYX"})
    assert stacks(path) == {()}
