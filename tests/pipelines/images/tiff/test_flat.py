import numpy as np
import pytest
import tifffile

from pipelines.images.handles import SourceFile
from pipelines.images.tiff.contents import places
from pipelines.images.tiff.flat import flat_images
from pipelines.images.tiff.image import open_tiff


@pytest.fixture
def stack(random):
    return random.integers(0, 2**16, (3, 2, 5, 6), "uint16")


@pytest.fixture
def path(tmp_path, stack):
    """What ImageJ writes from 4 GB on: one page, then the pixels of all."""
    path = tmp_path / "a.tif"
    axes = {"axes": "TCYX"}
    tifffile.imwrite(path, stack, imagej=True, metadata=axes)
    with tifffile.TiffFile(path, mode="r+b") as file:
        first = file.pages.first
        count = len(first.tags)
        offset = first.offset + 2 + 12 * count
    data = bytearray(path.read_bytes())
    data[offset : offset + 4] = bytes(4)
    path.write_bytes(data)
    return path


def test_images_without_pages_of_their_own_are_read(path, stack):
    found = places(SourceFile(path))
    assert len(found) == 3 and all(place.flat for place in found)
    for index in range(3):
        image = open_tiff(path, index, "a", None, as_mask=False)
        expected = np.moveaxis(stack[index], 0, 2)
        np.testing.assert_array_equal(image.whole(), expected)
        np.testing.assert_array_equal(image.window(1, 2, 3, 3), expected[1:4, 2:5])


def test_a_stack_that_breaks_off_is_never_read_as_its_first_page(path):
    with tifffile.TiffFile(path) as file:
        end = file.pages.first.dataoffsets[0] + file.series[0].nbytes
    path.write_bytes(path.read_bytes()[: end - 40])
    with pytest.raises(ValueError, match="promise 6 images, more than its bytes hold"):
        places(SourceFile(path))


def test_a_page_with_the_notes_of_its_stack_is_an_image(tmp_path, stack):
    text = "ImageJ=1.54f\nimages=100\nslices=100\n"
    tifffile.imwrite(tmp_path / "a.tif", stack[0, 0], description=text, metadata=None)
    image = open_tiff(tmp_path / "a.tif", 0, "a", None, as_mask=False)
    np.testing.assert_array_equal(image.whole()[..., 0], stack[0, 0])


def test_a_file_that_ends_before_its_images_is_refused(path):
    with tifffile.TiffFile(path) as file, pytest.raises(ValueError, match="should end"):
        flat_images(file.series[0], 200)
