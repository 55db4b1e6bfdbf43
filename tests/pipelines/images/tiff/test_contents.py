import numpy as np
import PIL.Image
import pytest
import tifffile

from pipelines.images import ImageEntry, find_images, read_image
from pipelines.images.tiff import contents
from pipelines.images.tiff.image import open_tiff


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.tif"


@pytest.fixture
def stack(random):
    """Five images of unlike height and width."""
    return random.integers(0, 2**16, (5, 6, 9), "uint16")


def decode(path, index=0):
    return open_tiff(path, index, "image", None, as_mask=False).whole()


def write_pages(path, pages, **options):
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, contiguous=False, metadata=None, **options)


WRITERS = {
    "stack": lambda path, stack: tifffile.imwrite(path, stack),
    "pages": write_pages,
    "compressed": lambda path, stack: tifffile.imwrite(path, stack, compression="zlib"),
    "big-endian": lambda path, stack: tifffile.imwrite(path, stack, byteorder=">"),
    "imagej": lambda path, stack: tifffile.imwrite(
        path, stack, imagej=True, metadata={"axes": "ZYX"}
    ),
    "ome": lambda path, stack: tifffile.imwrite(
        path, stack, ome=True, metadata={"axes": "TYX"}
    ),
    "bigtiff": lambda path, stack: tifffile.imwrite(path, stack, bigtiff=True),
    "tiled": lambda path, stack: tifffile.imwrite(path, stack, tile=(16, 16)),
}
EVERY_WRITER = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


@EVERY_WRITER
def test_every_page_of_a_stack_is_read_exactly(path, stack, write):
    write(path, stack)
    assert contents.count_images(path) == 5
    for index, page in enumerate(stack):
        image = decode(path, index)
        np.testing.assert_array_equal(image, page[..., np.newaxis])
        # TensorFlow takes numbers of the machine's own byte order only.
        assert image.dtype == np.dtype("uint16")


@EVERY_WRITER
def test_a_file_cut_anywhere_is_never_read_as_a_shorter_stack(path, stack, write):
    write(path, stack)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        try:
            images = [decode(path, n) for n in range(contents.count_images(path))]
        except ValueError:
            continue
        # Only notes behind the pixels are lost.
        np.testing.assert_array_equal(np.stack(images)[..., 0], stack)


def test_pages_of_unlike_sizes_are_all_read_in_their_order(path):
    sizes = [(4, 5), (2, 3), (4, 5)]
    pages = [np.full(size, n, "uint8") for n, size in enumerate(sizes)]
    write_pages(path, pages)
    assert contents.count_images(path) == 3
    for index, page in enumerate(pages):
        np.testing.assert_array_equal(decode(path, index)[..., 0], page)


def test_a_reduced_copy_of_the_image_is_no_image(path):
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.ones((8, 8), "uint8"), metadata=None)
        writer.write(np.ones((4, 4), "uint8"), metadata=None, subfiletype=1)
    assert contents.count_images(path) == 1


def test_the_mask_of_what_is_not_transparent_is_no_image(path):
    image = np.arange(20 * 30 * 3, dtype="uint8").reshape(20, 30, 3)
    with tifffile.TiffWriter(path) as writer:
        writer.write(image, photometric="rgb", metadata=None)
        # As GDAL writes it beside an orthophoto.
        mask = np.ones((20, 30), bool)
        writer.write(mask, subfiletype=4, photometric="mask", metadata=None)
    (entry,) = find_images(str(path))
    np.testing.assert_array_equal(read_image(entry), image)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_bits_are_1_where_the_image_is_white(path, photometric):
    bits = np.arange(24).reshape(4, 6) % 3 == 0
    tifffile.imwrite(path, bits, photometric=photometric, metadata=None)
    shown = np.asarray(PIL.Image.open(path))
    np.testing.assert_array_equal(read_image(ImageEntry(path))[..., 0], shown)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_channels_come_last_however_the_file_holds_them(path, random, planes):
    colour = random.integers(0, 256, (6, 9, 3), "uint8")
    stored = colour if planes == "contig" else np.moveaxis(colour, 2, 0)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planes)
    np.testing.assert_array_equal(decode(path), colour)


def test_an_imagej_hyperstack_has_images_of_channels(path, random):
    stack = random.integers(0, 256, (2, 3, 2, 6, 9), "uint8")
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TZCYX"})
    assert contents.count_images(path) == 6
    # Time 1, depth 2 is number 5.
    np.testing.assert_array_equal(decode(path, 5), np.moveaxis(stack[1, 2], 0, 2))


def test_the_lookup_table_of_imagej_leaves_grey_values(path):
    colormap = np.zeros((3, 256), "uint16")
    indices = np.array([[0, 1, 7]], "uint8")
    tifffile.imwrite(
        path, indices, imagej=True, photometric="palette", colormap=colormap
    )
    np.testing.assert_array_equal(decode(path)[..., 0], indices)


def test_a_stack_of_many_pages_is_looked_through_once(path, monkeypatch):
    write_pages(path, [np.full((4, 5), n % 256, "uint8") for n in range(500)])
    calls = []
    chain = contents.page_offsets
    monkeypatch.setattr(
        contents, "page_offsets", lambda fd: calls.append(fd) or chain(fd)
    )
    assert contents.count_images(path) == 500
    for index in range(0, 500, 7):
        assert (decode(path, index) == index % 256).all()
    assert len(calls) == 1
