"""One page of a TIFF: its windows, of which only the tiles or strips are decoded."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tifffile

from pipelines.images.bounded import SEGMENTS, BoundedCache
from pipelines.images.damage import MOST_EMPTY_BYTES, check_plausible
from pipelines.images.flat import FlatArray, read_window
from pipelines.images.handles import SourceFile, read_exactly
from pipelines.images.windowed import spans

# Bytes of pixels for a byte of file, at best, by the compression's number; see
# `png` and `pillow_files`. LZW: the last string of its table of 12-bit codes has 3838
# bytes, so less than 2600 times as many.
_MOST_RATIO = {1: 1, 5: 2600, 6: 2048, 7: 2048, 8: 1032, 32946: 1032, 32773: 64}
_ANY_RATIO = 2**17
# Pages of which the places of the segments are kept.
_PAGES = BoundedCache(64 * 2**20)


class TiffPageReader:
    """Reads windows of a page.

    Args:
        source: the file.
        page: of an open file; the file may be closed when this is made.

    Attributes:
        shape: (height, width, channels).
        dtype: of the pixels.
        segment_bytes: of one decoded tile or strip; 0 where any byte is read alone.
        segment_rows: of one tile or strip.
    """

    def __init__(self, source: SourceFile, page: Any) -> None:
        planes, depth, height, width, samples = page.shaped
        if depth != 1:
            raise ValueError(f"its pages are volumes {page.shape}")
        self._source, self._offset = source, page.offset
        self.shape = height, width, planes * samples
        self.dtype = np.dtype(page.dtype)
        self._samples = samples
        self._starts = np.array(page.dataoffsets, np.int64)
        self._counts = np.array(page.databytecounts, np.int64)
        self._decode = page.decode
        self._tables = {
            "jpegtables": page.jpegtables,
            "jpegheader": page.jpegheader,
        }
        self._nodata = page.nodata
        self._size = (
            (page.tilelength, page.tilewidth)
            if page.is_tiled
            else (min(page.rowsperstrip, height), width)
        )
        self._flat = _flat(page) if page.is_final else None
        segment = math.prod(self._size) * samples * self.dtype.itemsize
        self.segment_rows = self._size[0]
        self.segment_bytes = 0 if self._flat else segment
        self._check(page)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Reads pixels: (height, width, channels)."""
        with self._source.opened() as descriptor:
            if self._flat is not None:
                return read_window(descriptor, self._flat, top, left, height, width)
            pixels = np.empty((height, width, self.shape[2]), self.dtype)
            rows, columns = self._size
            for row, in_rows, of_rows in spans(top, height, rows):
                for column, in_columns, of_columns in spans(left, width, columns):
                    for samples, number in self._planes(row, column):
                        segment = self._segment(descriptor, number)
                        pixels[in_rows, in_columns, samples] = (
                            self._nodata
                            if segment is None
                            else segment[of_rows, of_columns]
                        )
            return pixels

    def _planes(self, row: int, column: int) -> Iterator[tuple[slice, int]]:
        """Yields the channels of each plane, and the segment that it has there."""
        num_rows, num_columns = self._grid()
        for plane in range(self.shape[2] // self._samples):
            samples = slice(plane * self._samples, (plane + 1) * self._samples)
            yield samples, (plane * num_rows + row) * num_columns + column

    def _segment(self, descriptor: int, number: int) -> np.ndarray | None:
        """Returns (rows, columns, samples), or None for one that is left out."""
        start, count = int(self._starts[number]), int(self._counts[number])
        if not count:
            return None
        key = (self._source.key, self._offset, number)
        segment = SEGMENTS.get(key)
        if segment is None:
            data = read_exactly(descriptor, count, start)
            decoded, _, _ = self._decode(data, number, **self._tables)
            segment = decoded[0]
            segment.setflags(write=False)
            SEGMENTS.put(key, segment, segment.nbytes)
        return segment

    def _grid(self) -> tuple[int, int]:
        height, width, _ = self.shape
        return -(-height // self._size[0]), -(-width // self._size[1])

    def _check(self, page: Any) -> None:
        """Raises ValueError if the file cannot hold the pixels of the page."""
        planes = self.shape[2] // self._samples
        expected = planes * math.prod(self._grid())
        size = self._source.state.size
        if self._flat is not None:
            if self._flat.end > size:
                raise ValueError(
                    f"its pixels should end at byte {self._flat.end}, but it has {size}"
                )
            return
        if len(self._starts) < expected or len(self._counts) < expected:
            raise ValueError(
                f"it should have {expected} tiles or strips, but names "
                f"{min(len(self._starts), len(self._counts))}"
            )
        # Where one begins that is left out does not matter.
        ends = np.where(self._counts > 0, self._starts + self._counts, 0)
        if ends.max() > size or self._starts.min() < 0 or self._counts.min() < 0:
            raise ValueError(f"its pixels reach to byte {ends.max()} of {size}")
        present = int((self._counts > 0).sum())
        # An empty mask may have none: GDAL leaves out those without data.
        num_bytes = math.prod(self.shape) * self.dtype.itemsize
        if not present and num_bytes > MOST_EMPTY_BYTES:
            raise ValueError("all its tiles or strips are left out")
        # Several rows of few bits share no byte.
        bits = page.bitspersample if isinstance(page.bitspersample, int) else 1
        values = math.prod(self._size) * self._samples * present
        if present == expected:
            values = min(values, math.prod(self.shape))
        ratio = _MOST_RATIO.get(int(page.compression), _ANY_RATIO)
        check_plausible(values * bits // 8, int(self._counts.sum()), ratio)


def read_page(source: SourceFile, offset: int) -> TiffPageReader:
    """Returns the page that begins at an offset of a file.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    key = (source.key, offset)
    page = _PAGES.get(key)
    if page is None:
        source.check_unchanged()
        with tifffile.TiffFile(source.path) as tiff:
            tiff.filehandle.seek(offset)
            page = TiffPageReader(source, tifffile.TiffPage(tiff, index=0))
        _PAGES.put(key, page, 20_000 + 16 * len(page._starts))
    return page


def _flat(page: Any) -> FlatArray:
    planes, _, height, width, samples = page.shaped
    item = np.dtype(page.dtype).itemsize
    row, column = width * samples * item, samples * item
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    channel = item if planes == 1 else height * row
    if planes > 1 and samples > 1:
        raise ValueError(f"its pages have planes of samples {page.shape}")
    shape = height, width, planes * samples
    return FlatArray(page.dataoffsets[0], shape, (row, column, channel), dtype)
