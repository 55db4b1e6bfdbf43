import numpy as np
import tifffile

from pipelines.images import ImageEntry, find_images, read_image
from pipelines.images.handles import SourceFile
from pipelines.images.origin import Origin, Plane
from pipelines.images.tiff import contents


def test_an_image_has_a_page_for_each_of_its_channels(places):
    image = np.zeros((2, 3, 5, 6), "uint16")
    found = places(image, ome=True, compression="zlib", metadata={"axes": "CTYX"})
    assert [len(place.pages) for place in found] == [2, 2, 2]
    # Channels come first in the file: pages 0, 1, 2 and 3, 4, 5.
    first, second = zip(*(place.pages for place in found), strict=True)
    assert max(first) < min(second)


def test_a_segment_is_known_before_it_is_decoded(places):
    (place,) = places(np.zeros((64, 64), "u2"), tile=(32, 16), compression="zlib")
    assert (place.segment_bytes, place.segment_rows) == (32 * 16 * 2, 32)
    (place,) = places(np.zeros((64, 64), "u2"))
    assert place.segment_bytes == 0


def test_pages_have_palettes_of_their_own(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for level in (10, 20):
            palette = np.full((3, 256), level << 8, "uint16")
            writer.write(
                np.zeros((5, 6), "uint8"), photometric="palette", colormap=palette
            )
    first, second = (
        read_image(ImageEntry(tmp_path / "a.tif", page)) for page in range(2)
    )
    assert (first == 10).all() and (second == 20).all()
    assert first.shape == (5, 6, 3)


def test_of_many_pages_any_may_be_unlike_the_others(tmp_path, random):
    sizes = [(5, 6)] * 10
    sizes[3] = (7, 6)
    pages = [random.integers(0, 255, size).astype("uint8") for size in sizes]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, metadata=None)
    entries = find_images(str(tmp_path / "a.tif"))
    assert len(entries) == 10
    for entry, page in zip(entries, pages, strict=True):
        np.testing.assert_array_equal(read_image(entry)[..., 0], page)


def test_each_series_of_ome_has_its_own_origin(tmp_path):
    about = [
        {"Name": "left", "Plane": [{"PositionZ": z} for z in (5.0, 6.0)]},
        {"Name": "right", "Description": "later"},
    ]
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for one in about:
            pixels = np.zeros((2, 5, 6), np.uint8)
            writer.write(pixels, metadata={"axes": "ZYX", **one})
    origins = [p.origin for p in contents.places(SourceFile(tmp_path / "a.ome.tif"))]
    # Two stacks are no stack: each image has its own plane.
    left = [Origin("left", planes=(Plane(PositionZ=z),)) for z in (5.0, 6.0)]
    assert origins == [*left, *[Origin("right", description="later")] * 2]


def test_planes_of_a_stack_are_in_the_order_of_its_images(places):
    # In the file depth runs fastest, with two channels each.
    planes = [
        {"DeltaT": t, "PositionZ": z} for t in (0, 4) for z in (7, 8) for _ in "ab"
    ]
    about = {"axes": "TZCYX", "Plane": planes, "AcquisitionDate": "2024-05-01T12:00:00"}
    found = places(np.zeros((2, 2, 2, 5, 6), "u1"), ome=True, metadata=about)
    expected = [Plane(DeltaT=t, PositionZ=z) for t in (0, 4) for z in (7, 8)]
    assert {place.origin.date for place in found} == {"2024-05-01T12:00:00"}
    assert [place.origin.planes for place in found] == [tuple(expected)] * 4


def test_planes_that_other_axes_number_have_no_position(places):
    about = {"axes": "AYX", "Name": "angles", "Plane": [{"PositionZ": 7}] * 3}
    found = places(np.zeros((3, 5, 6), "u1"), ome=True, metadata=about)
    assert [place.origin for place in found] == [Origin("angles")] * 3


def test_of_a_slide_the_thumbnail_levels_label_and_macro_are_no_images(tmp_path):
    path = tmp_path / "slide.svs"
    slide = np.random.default_rng(0).integers(0, 255, (160, 192, 3), np.uint8)
    about = "Aperio Image Library v12.0.15\r\n192x160 (64x64) J2K|MPP = 0.2500"
    tiled = {"tile": (64, 64), "compression": "zlib", "photometric": "rgb"}
    small = {"compression": "zlib", "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(slide, description=about, metadata=None, **tiled)
        writer.write(slide[::4, ::4], description=f"{about} -> 48x40", **small)
        writer.write(slide[::2, ::2], description=about, metadata=None, **tiled)
        writer.write(
            slide[::5, ::5], description="Aperio label", **small, subfiletype=1
        )
        writer.write(
            slide[::8, ::8], description="Aperio macro", **small, subfiletype=9
        )
    (entry,) = find_images(str(tmp_path))
    assert (entry.stem, entry.page) == ("slide", None)
    np.testing.assert_array_equal(read_image(entry), slide)
