import io
import os
import struct

import numpy as np
import pytest
import tifffile

from pipelines.images.tiff.chain import page_offsets


@pytest.fixture
def offsets_of(tmp_path):
    def offsets_of(data):
        (tmp_path / "a.tif").write_bytes(data)
        descriptor = os.open(tmp_path / "a.tif", os.O_RDONLY)
        try:
            return page_offsets(descriptor)
        finally:
            os.close(descriptor)

    return offsets_of


def three_pages(**options):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, **options) as writer:
        for _ in range(3):
            writer.write(np.zeros((4, 5), "uint8"), contiguous=False, metadata=None)
    return bytearray(buffer.getvalue())


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_pages_begin_where_tifffile_finds_them(offsets_of, bigtiff, byteorder):
    data = three_pages(bigtiff=bigtiff, byteorder=byteorder)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        expected = [page.offset for page in file.pages]
    assert offsets_of(data) == expected


def last_link(data):
    """Where the classic, little-endian file says that no page follows."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return file.pages.next_page_offset, file.pages[1].offset


def test_pages_in_a_circle_are_refused(offsets_of):
    data = three_pages()
    place, second = last_link(data)
    data[place : place + 4] = struct.pack("<I", second)
    with pytest.raises(ValueError, match="its page 3 is one of those before"):
        offsets_of(data)


def test_a_page_beyond_the_end_is_a_break(offsets_of):
    data = three_pages()
    place, _ = last_link(data)
    data[place : place + 4] = struct.pack("<I", len(data) + 8)
    with pytest.raises(ValueError, match="breaks off after page 2"):
        offsets_of(data)


@pytest.mark.parametrize("data", [b"II*\0" + bytes(4), b"nothing at all"])
def test_a_file_without_pages_is_refused(offsets_of, data):
    with pytest.raises(ValueError, match="no pages|does not begin as a TIFF"):
        offsets_of(data)
