import numpy as np
import pytest
import tifffile

from pipelines.images import find_images, open_image, read_image
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis
from pipelines.images.tiff.notes import Notes
from pipelines.images.windowed import PixelSize

PIXELS = np.zeros((2, 3, 5, 6), np.uint8)
NOTHING = Notes(None, Origin(), ())


def notes(path):
    """What is known of all images of a file, which is the same."""
    found = set()
    for entry in find_images(str(path)):
        with open_image(entry) as image:
            found.add(Notes(image.pixel_size, image.origin, image.stack))
    (one,) = found
    return one


@pytest.fixture
def written(tmp_path):
    def written(pixels, **options):
        tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
        return notes(tmp_path / "a.tif")

    return written


def test_ome_says_the_size_and_its_unit(written):
    about = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 250.0, "PhysicalSizeYUnit": "nm"}
    found = written(PIXELS[0, 0], ome=True, metadata=about)
    # The width is in microns, which OME does not need to say.
    assert found.pixel_size == PixelSize(250.0, pytest.approx(500.0), "nm")


def test_imagej_says_the_pixels_in_a_unit(written):
    options = {"imagej": True, "resolution": (2, 4), "metadata": {"unit": "um"}}
    found = written(PIXELS[0, 0], **options)
    assert found.pixel_size == PixelSize(0.25, 0.5, "µm")


def test_the_resolution_of_others_is_not_taken(written):
    assert written(PIXELS[0, 0], resolution=(72, 72), resolutionunit=2) == NOTHING


def test_time_and_depth_of_ome_tiff_are_known(written):
    sizes = {"PhysicalSizeZ": 0.5, "PhysicalSizeZUnit": "nm", "TimeIncrement": 2.0}
    found = written(PIXELS, ome=True, metadata={"axes": "ZTYX", **sizes})
    assert found.stack == (StackAxis("z", 2, 0.5, "nm"), StackAxis("t", 3, 2.0, "s"))


def test_time_and_depth_of_imagej_are_known(written):
    about = {"axes": "TZYX", "spacing": 0.5, "unit": "um", "finterval": 2.0}
    found = written(PIXELS, imagej=True, metadata=about)
    assert found.stack == (StackAxis("t", 2, 2.0, "s"), StackAxis("z", 3, 0.5, "µm"))


@pytest.mark.parametrize("about", [{"axes": "QTYX"}, None])
def test_pages_without_names_have_no_axes(written, about):
    assert written(PIXELS, metadata=about, photometric="minisblack") == NOTHING


def test_two_series_are_no_stack(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for _ in range(2):
            writer.write(PIXELS[0], metadata={"axes": "ZYX", "Name": "a"})
    assert notes(path).stack == ()


@pytest.mark.parametrize(
    ("missing", "expected"), [(4, PixelSize(4, 4, "µm")), (1, None)]
)
def test_where_an_image_has_no_pixels_what_all_have_in_common_is_known(
    written, missing, expected
):
    pixels = """<Pixels ID="Pixels:{0}" DimensionOrder="XYCZT" Type="uint8" SizeX="6"
     SizeY="5" SizeZ="1" SizeC="1" SizeT="1" PhysicalSizeX="{1}" PhysicalSizeY="{1}"
     >{2}</Pixels>"""
    data = '<TiffData IFD="0" PlaneCount="1"/>'
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0" Name="missing">{pixels.format(0, missing, "")}</Image>'
        f'<Image ID="Image:1" Name="here">{pixels.format(1, 4, data)}</Image>'
        '<Image ID="Image:2" Name="of no pixels at all"/></OME>'
    )
    found = written(PIXELS[0, 0], description=text, metadata=None)
    assert found == Notes(expected, Origin(), ())


def test_pixels_are_read_where_the_text_of_ome_is_damaged(tmp_path, random):
    image = random.integers(0, 255, (5, 6), dtype=np.uint8)
    text = '<OME><Image Name="this & that"><Pixels PhysicalSizeX="4"/></Image></OME>'
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, image, description=text, metadata=None)
    (entry,) = find_images(str(path))
    np.testing.assert_array_equal(read_image(entry)[..., 0], image)
    assert notes(path) == NOTHING


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("|AppMag = 40|MPP = 0.2500|Left = 2", PixelSize(0.25, 0.25, "µm")),
        ("|MPP = 0.4990", PixelSize(0.499, 0.499, "µm")),
        ("|AppMag = 40", None),
        ("|MPP = |Left = 2", None),
    ],
)
def test_a_slide_says_its_microns_per_pixel(written, words, found):
    about = f"Aperio Image Library v12.0.15\r\n6x5 (256x256) JPEG/RGB Q=70{words}"
    slide = written(PIXELS[0, 0], description=about, metadata=None)
    assert slide.pixel_size == found
