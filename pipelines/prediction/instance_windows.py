"""Masks as numbered objects, exact across the borders of windows."""

import pathlib
import tempfile
from collections.abc import Generator, Iterator
from typing import IO, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from skimage import measure

from pipelines.prediction.grown_windows import HELD_ROWS, grown_windows
from pipelines.results.layout import ImageLayout, ImageToWrite, Window, row_bands
from pipelines.scores.overlaps import numbers_of_large

# Rows that are labelled at once, fewer of images wider than 65,536 pixels.
BAND_ROWS = 64
_BAND_PIXELS = 2**22
DTYPE = np.dtype(np.uint32)
MOST_OBJECTS = int(np.iinfo(DTYPE).max)
# Of a band while it is labelled; every second pixel may be an object.
_BAND_PIXEL_BYTES = 44
# Of a seam: the number of an object and its pixels below, both int64.
_SEAM_PIXEL_BYTES = 16
# Of rows that are held while objects grow; all may be rim.
_GROWN_PIXEL_BYTES = 48


def band_bytes(layout: ImageLayout, *, rim: bool = False) -> int:
    """Returns the memory that labelling a band of rows takes, whatever is in it.

    Args:
        layout: of the image.
        rim: whether objects grow.
    """
    rows = _band_rows(layout)
    labelled = min(rows, layout.height) * _BAND_PIXEL_BYTES
    grown = min(rows + HELD_ROWS, layout.height) * _GROWN_PIXEL_BYTES
    return layout.width * max(labelled, grown if rim else 0)


def _band_rows(layout: ImageLayout) -> int:
    return max(1, min(BAND_ROWS, _BAND_PIXELS // layout.width))


def _bands(layout: ImageLayout) -> Iterator[tuple[int, int, int]]:
    """Yields number, first row and rows of each band."""
    most = _band_rows(layout)
    for number, top in enumerate(range(0, layout.height, most)):
        yield number, top, min(most, layout.height - top)


def instance_windows(
    mask: ImageToWrite,
    folder: pathlib.Path | None = None,
    *,
    smallest: int = 1,
    rim: int | None = None,
) -> Generator[Window, None, None]:
    """Numbers the connected objects of a mask, whose windows are read once.

    Pixels of one class that share a side are connected, and numbers are those of
    `skimage.measure.label` (connectivity 1) on the whole mask without its small
    objects: by their first pixels, row by row.

    The mask waits in a file. It is read twice, band by band: upwards for what hangs
    together below each band, then downwards, where the first band of an object gives
    its number. So memory is that of a band, however many objects there are.

    Args:
        mask: uint8 of one channel; 0 is background, all else are classes.
        folder: of the files, which have no names; by default that of the system.
        smallest: pixels; objects of fewer are left out.
        rim: a value of the mask that is of no object at first, None for none:
            objects grow into it, and into what is left out; see `scores.objects`.

    Yields:
        (top, 0, numbers): uint32 (rows, width, 1), from top to bottom.

    Raises:
        ValueError: there are more objects than can be numbered.
        OSError: the disk is full.
    """
    with (
        tempfile.TemporaryFile(dir=folder) as masks,
        tempfile.TemporaryFile(dir=folder) as seams,
    ):
        for band in row_bands(mask, _band_rows(mask.layout)):
            masks.write(band.tobytes())
        waiting = _WaitingMask(masks, mask.layout, rim)
        _write_seams(waiting, seams)
        windows = _numbered(waiting, seams, smallest)
        if rim is not None:
            windows = grown_windows(windows, waiting.inside, mask.layout.height)
        yield from windows


class _WaitingMask(NamedTuple):
    """A mask in a file, row after row."""

    file: IO[bytes]
    layout: ImageLayout
    rim: int | None

    def classes(self, top: int, rows: int) -> np.ndarray:
        """Reads rows of what objects are made of, uint8 (rows, width)."""
        read = self._read(top, rows)
        return read if self.rim is None else np.where(read == self.rim, 0, read)

    def inside(self, top: int, rows: int) -> np.ndarray:
        """Reads which pixels are of the mask, bool (rows, width)."""
        return self._read(top, rows) > 0

    def _read(self, top: int, rows: int) -> np.ndarray:
        self.file.seek(top * self.layout.width)
        content = self.file.read(rows * self.layout.width)
        return np.frombuffer(content, np.uint8).reshape(rows, self.layout.width)


class _Band(NamedTuple):
    """A band of rows, and what it knows of the rows below.

    Attributes:
        parts: int64 (rows, width): what hangs together within the band, from 1 on.
        objects: int32: of each part, what hangs together in all of the image from this
            band down; numbered from 1 on by their first parts.
        sizes: float64: pixels of each of these objects, exact up to 2**53.
    """

    parts: np.ndarray
    objects: np.ndarray
    sizes: np.ndarray

    @property
    def first_row(self) -> np.ndarray:
        """The objects of its first row of pixels."""
        return np.asarray(self.objects[self.parts[0]])


def _write_seams(mask: _WaitingMask, seams: IO[bytes]) -> None:
    """Writes for the last row of each band what it goes on in below: a seam.

    A seam is int64 (2, width): for each pixel the number of an object, 0 where it ends,
    and how many pixels that object has below.
    """
    layout = mask.layout
    seam = np.zeros((2, layout.width), np.int64)
    for number, top, rows in reversed(list(_bands(layout))):
        _seek_seam(seams, number, layout)
        seams.write(seam.tobytes())
        if top:
            classes = mask.classes(top, rows)
            above = mask.classes(top - 1, 1)
            seam = _seam_above(_band(classes, seam), above[0] == classes[0])


def _seam_above(band: _Band, goes_on: np.ndarray) -> np.ndarray:
    objects = np.where(goes_on, band.first_row, 0)
    # With 0 among them, so that it stays 0.
    _, numbers = np.unique(np.append(objects, 0), return_inverse=True)
    return np.stack([numbers[:-1], band.sizes[objects].astype(np.int64)])


def _band(classes: np.ndarray, seam: np.ndarray) -> _Band:
    parts = measure.label(classes, connectivity=1)
    goes_on = seam[0] > 0
    last, below = parts[-1, goes_on], parts.max() + seam[0, goes_on]
    areas = np.bincount(parts.ravel(), minlength=1 + below.max(initial=parts.max()))
    areas[below] = seam[1, goes_on]
    joined = np.ones(len(last), bool), (last, below)
    graph = sparse.coo_array(joined, shape=(len(areas), len(areas)))
    _, objects = csgraph.connected_components(graph, directed=False)
    return _Band(parts, objects, np.bincount(objects, weights=areas))


def _numbered(
    mask: _WaitingMask, seams: IO[bytes], smallest: int
) -> Generator[Window, None, None]:
    count, layout = 0, mask.layout
    above = classes_above = np.zeros(layout.width, np.uint8)
    for number, top, rows in _bands(layout):
        classes = mask.classes(top, rows)
        _seek_seam(seams, number, layout)
        seam = np.frombuffer(seams.read(_SEAM_PIXEL_BYTES * layout.width), np.int64)
        is_begun = (classes[0] > 0) & (classes[0] == classes_above)
        band = _band(classes, seam.reshape(2, layout.width))
        final, count = _numbers(band, is_begun, above, count, smallest)
        above, classes_above = final[-1].copy(), classes[-1]
        del band
        yield top, 0, final[..., np.newaxis]


def _numbers(
    band: _Band, is_begun: np.ndarray, above: np.ndarray, count: int, smallest: int
) -> tuple[np.ndarray, int]:
    """Numbers the objects of a band.

    Args:
        band: of pixels.
        is_begun: (width,): where an object of its first row began further up.
        above: (width,): the numbers of the row above; 0 is an object that is too small.
        count: objects further up that have a number.
        smallest: pixels.

    Returns:
        The number of each pixel, and how many objects have one now.
    """
    begun = band.first_row[is_begun]
    sizes = band.sizes.copy()
    sizes[begun] = 0
    numbers = numbers_of_large(sizes, smallest)
    found = int(numbers.max())
    if count + found > MOST_OBJECTS:
        raise ValueError(
            f"The mask has more than {MOST_OBJECTS} objects. Set a greater "
            "smallest_object, or cut the image."
        )
    numbers = np.where(numbers, numbers + count, 0).astype(DTYPE)
    numbers[begun] = above[is_begun]
    return numbers[band.objects][band.parts], count + found


def _seek_seam(seams: IO[bytes], number: int, layout: ImageLayout) -> None:
    seams.seek(number * _SEAM_PIXEL_BYTES * layout.width)
