import struct
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from pipelines.images import PixelSize, find_images, open_image
from pipelines.images.origin import Origin, Plane
from pipelines.images.stack_axes import StackAxis
from pipelines.results import tiff_writing
from pipelines.results.layout import ImageLayout, ImageToWrite
from pipelines.results.tiff_writing import write_tiff


def to_write(image, height=96, width=128, **about):
    windows = (
        (top, left, image[top : top + height, left : left + width])
        for top in range(0, image.shape[0], height)
        for left in range(0, image.shape[1], width)
    )
    return ImageToWrite(ImageLayout(*image.shape, image.dtype, **about), windows)


def grey(random, height, width, dtype=np.uint8):
    return random.integers(0, 200, (height, width, 1)).astype(dtype)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("size", [(1, 1), (1100, 530)])
def test_what_is_written_is_read_by_tifffile(tmp_path, random, channels, dtype, size):
    image = random.integers(0, 200, (*size, channels)).astype(dtype)
    write_tiff(tmp_path / "a.tif", [to_write(image)])
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        page = tiff.pages.first
        # ImageJ opens no tiles.
        assert not page.is_tiled and page.compression.name == "ADOBE_DEFLATE"
        assert len(tiff.pages) == 1
        found = page.asarray().reshape(*size, channels)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_larger_than_imagej_is_for_has_tiles(tmp_path, random, channels):
    image = random.integers(0, 200, (4097, 530, channels), np.uint8)
    write_tiff(tmp_path / "a.tif", [to_write(image)])
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        page = tiff.pages.first
        assert (page.tilelength, page.tilewidth) == (512, 512)
        np.testing.assert_array_equal(page.asarray().reshape(image.shape), image)


def test_images_are_pages_also_of_unlike_sizes(tmp_path, random):
    images = [grey(random, 30, 20), grey(random, 10, 50)]
    write_tiff(tmp_path / "a.tif", (to_write(image) for image in images))
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        pages = [page.asarray()[..., np.newaxis] for page in tiff.pages]
    for page, image in zip(pages, images, strict=True):
        np.testing.assert_array_equal(page, image)


def test_a_pyramid_has_levels_of_half_the_size(tmp_path, random):
    image = grey(random, 1100, 2100)
    write_tiff(tmp_path / "a.tif", [to_write(image)], pyramid=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        # Bio-Formats knows levels by OME alone.
        assert tiff.is_ome and tiff.pages.first.is_tiled
        assert "PhysicalSize" not in tiff.ome_metadata
        levels = [level.asarray() for level in tiff.series[0].levels]
    # 525 is more than one tile.
    sizes = [(1100, 2100), (550, 1050), (275, 525), (138, 263)]
    assert [level.shape for level in levels] == sizes
    for number, level in enumerate(levels):
        step = 2**number
        np.testing.assert_array_equal(level, image[::step, ::step, 0])
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_readers_that_know_no_ome_find_the_pixel_size_in_the_tags(tmp_path, random):
    size = PixelSize(0.5, 0.25, "\u00b5m")
    image = to_write(grey(random, 600, 700), pixel_size=size)
    write_tiff(tmp_path / "a.tif", [image], pyramid=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        first = tiff.pages.first
        # Pixels a centimetre.
        assert first.get_resolution(tifffile.RESUNIT.CENTIMETER) == (40000, 20000)
        (smaller,) = first.pages
        assert smaller.get_resolution(tifffile.RESUNIT.CENTIMETER) == (20000, 10000)


@pytest.mark.parametrize("size", [PixelSize(2, 2, "pixel"), PixelSize(1, 1, "pm")])
def test_a_size_that_tags_cannot_tell_is_in_none(tmp_path, random, size):
    image = to_write(grey(random, 6, 7), pixel_size=size)
    write_tiff(tmp_path / "a.tif", [image])
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages.first.resolutionunit == tifffile.RESUNIT.NONE


def test_the_pixel_size_is_kept_as_ome(tmp_path, random):
    image = grey(random, 600, 40)
    size = PixelSize(0.5, 0.25, "\u00b5m")
    write_tiff(tmp_path / "a.tif", [to_write(image, pixel_size=size)], pyramid=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_ome and len(tiff.series) == 1
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        np.testing.assert_array_equal(tiff.series[0].asarray(), image[..., 0])
        assert len(tiff.series[0].levels) == 2
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert pixels["PhysicalSizeXUnit"] == "\u00b5m"


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("pyramid", [False, True])
def test_a_stack_keeps_its_axes_in_one_image_of_ome(
    tmp_path, random, channels, pyramid
):
    stack = StackAxis("t", 2, 2.5, "s"), StackAxis("z", 3, 0.5, "\u00b5m")
    about = {"stack": stack, "pixel_size": PixelSize(0.5, 0.25, "\u00b5m")}
    images = random.integers(0, 200, (6, 600, 40, channels), np.uint16)
    planes = (to_write(image, **about) for image in images)
    write_tiff(tmp_path / "a.tif", planes, num_images=6, pyramid=pyramid)
    expected = images.reshape(2, 3, 600, 40, channels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        (series,) = tiff.series
        assert series.axes == ("TZYXS" if channels > 1 else "TZYX")
        np.testing.assert_array_equal(
            series.asarray().reshape(expected.shape), expected
        )
        assert len(series.levels) == (2 if pyramid else 1)
        smaller = series.levels[-1].asarray()
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
    if pyramid:
        found = smaller.reshape(2, 3, 300, 20, channels)
        np.testing.assert_array_equal(found, expected[:, :, ::2, ::2])
    sizes = {name: pixels[f"Size{name}"] for name in "XYCZT"}
    assert sizes == {"X": 40, "Y": 600, "C": channels, "Z": 3, "T": 2}
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (2.5, "s")
    assert (pixels["PhysicalSizeZ"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    for entry, image in zip(find_images(str(tmp_path / "a.tif")), images, strict=True):
        with open_image(entry) as read:
            assert read.stack == stack
            np.testing.assert_array_equal(read.whole(), image)


TEXTS = ("cell <1> \u00b5", "2024-05-01T12:00:00Z", 'fixed & "stained"\nat noon')


def written_ome(path):
    """Parses OME-XML by an independent parser; checks it against the schema of OME."""
    with tifffile.TiffFile(path) as tiff:
        text = tiff.ome_metadata
    ome_types = pytest.importorskip("ome_types")
    ome_types.validate_xml(text)
    return ElementTree.fromstring(text).findall("{*}Image")


def test_the_origin_is_kept_as_ome(tmp_path, random):
    origin = Origin(*TEXTS, planes=(Plane(0.0, "s", -1.5, "mm"),))
    write_tiff(tmp_path / "a.tif", [to_write(grey(random, 6, 9), origin=origin)])
    (image,) = written_ome(tmp_path / "a.tif")
    name, date, description = TEXTS
    assert image.get("Name") == name
    assert image.findtext("{*}AcquisitionDate") == date
    assert image.findtext("{*}Description") == description
    (plane,) = image.iterfind("{*}Pixels/{*}Plane")
    expected = {"TheC": "0", "TheZ": "0", "TheT": "0", "DeltaT": "0.0"}
    expected |= {"DeltaTUnit": "s", "PositionX": "-1.5", "PositionXUnit": "mm"}
    assert plane.attrib == expected
    (entry,) = find_images(str(tmp_path / "a.tif"))
    with open_image(entry) as read:
        assert read.origin == origin


@pytest.mark.parametrize("names", ["tz", "zt"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pyramid", [False, True])
def test_each_plane_of_a_stack_keeps_its_position(
    tmp_path, random, names, channels, pyramid
):
    stack = tuple(StackAxis(name, 2 + (name == "z")) for name in names)
    # Of one nothing is known.
    known = [Plane(PositionX=float(n), PositionZ=n / 2) for n in range(5)]
    about = {"stack": stack, "origin": Origin(planes=(Plane(), *known))}
    image = random.integers(0, 9, (600, 9, channels), np.uint8)
    planes = (to_write(image, **about) for _ in range(6))
    write_tiff(tmp_path / "a.tif", planes, num_images=6, pyramid=pyramid)
    (image,) = written_ome(tmp_path / "a.tif")
    found = {
        (plane.get("TheT"), plane.get("TheZ")): plane.get("PositionX")
        for plane in image.iterfind("{*}Pixels/{*}Plane")
    }
    # In the order of the pages, of which the last axis runs fastest.
    order = [(t, z) for t in "01" for z in "012"]
    if names == "zt":
        order = [(t, z) for z in "012" for t in "01"]
    expected = [None, "0.0", "1.0", "2.0", "3.0", "4.0"]
    assert found == dict(zip(order, expected, strict=True))
    for entry in find_images(str(tmp_path / "a.tif")):
        with open_image(entry) as read:
            assert read.origin.planes == (Plane(), *known)


def test_images_of_a_file_have_names_of_their_own(tmp_path, random):
    images = [
        to_write(grey(random, 6, 9), origin=Origin(name)) for name in ("left", "right")
    ]
    write_tiff(tmp_path / "a.tif", images, num_images=2)
    names = [image.get("Name") for image in written_ome(tmp_path / "a.tif")]
    assert names == ["left", "right"]


def test_a_place_of_ome_zarr_alone_makes_no_ome_tiff(tmp_path, random):
    origin = Origin(offset=(5.0, 7.0))
    write_tiff(tmp_path / "a.tif", [to_write(grey(random, 6, 9), origin=origin)])
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert not tiff.is_ome


def test_a_step_without_a_unit_is_not_written(tmp_path, random):
    stack = (StackAxis("z", 2, 0.5),)
    planes = (to_write(grey(random, 6, 9), stack=stack) for _ in range(2))
    write_tiff(tmp_path / "a.tif", planes, num_images=2)
    (image,) = written_ome(tmp_path / "a.tif")
    # OME would take it for microns.
    assert not {"PhysicalSizeZ", "PhysicalSizeZUnit"} & set(image[0].attrib)


def test_a_unit_that_is_no_length_is_not_written(tmp_path, random):
    for unit in ("", "furlongs & chains"):
        image = to_write(grey(random, 6, 9), pixel_size=PixelSize(0.5, 0.25, unit))
        write_tiff(tmp_path / "a.tif", [image], pyramid=True)
        with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
            assert "PhysicalSize" not in tiff.ome_metadata


def test_a_file_that_is_called_ome_is_so(tmp_path, random):
    image = grey(random, 6, 9)
    for ome in (False, True):
        write_tiff(tmp_path / "a.tif", [to_write(image)], ome=ome)
        with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
            assert tiff.is_ome == ome


def test_large_images_are_bigtiff(tmp_path, random, monkeypatch):
    monkeypatch.setattr(tiff_writing, "MOST_CLASSIC_BYTES", 1000)
    for name, side in (("small", 30), ("large", 40)):
        write_tiff(tmp_path / f"{name}.tif", [to_write(grey(random, side, side))])
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as tiff:
            assert tiff.is_bigtiff == (name == "large")
    # Two of them together.
    images = [to_write(grey(random, 30, 30)) for _ in range(2)]
    write_tiff(tmp_path / "stack.tif", images, num_images=2)
    with tifffile.TiffFile(tmp_path / "stack.tif") as tiff:
        assert tiff.is_bigtiff and len(tiff.pages) == 2
    # Of a small and a large one.
    images = [to_write(grey(random, side, side)) for side in (3, 40)]
    write_tiff(tmp_path / "unlike.tif", images, num_images=2, num_bytes=1609)
    with tifffile.TiffFile(tmp_path / "unlike.tif") as tiff:
        assert tiff.is_bigtiff


def test_offsets_beyond_32_bits_are_a_file_too_large(tmp_path, random):
    def windows():
        yield 0, 0, grey(random, 20, 20)
        struct.pack("<I", 2**32)

    layout = ImageLayout(20, 20, 1, np.dtype(np.uint8))
    with pytest.raises(OSError, match="File too large"):
        write_tiff(tmp_path / "a.tif", [ImageToWrite(layout, windows())])


def test_tiles_are_written_as_they_come(tmp_path, random):
    image, taken = grey(random, 4096, 512), []

    def windows():
        for top in range(0, 4096, 256):
            taken.append((tmp_path / "a.tif").stat().st_size)
            yield top, 0, image[top : top + 256]

    layout = ImageLayout(*image.shape, image.dtype)
    write_tiff(tmp_path / "a.tif", [ImageToWrite(layout, windows())])
    assert taken[-1] > image.nbytes / 2
