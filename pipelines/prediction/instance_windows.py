"""Masks as numbered objects, exact across the borders of windows."""

import pathlib
import tempfile
from collections.abc import Generator
from typing import IO

import numpy as np
from skimage import measure

from pipelines.images.components import Parts
from pipelines.results.layout import ImageLayout, ImageToWrite, Window, row_bands
from pipelines.scores.overlaps import numbers_of_large

# Rows that are labelled at once, fewer of images wider than 65,536 pixels.
BAND_ROWS = 64
_BAND_PIXELS = 2**22
DTYPE = np.dtype(np.uint32)
# Of a row of pixels of a band while it is labelled, and of a part of an object: its
# area, its number, and what is made from them.
_BAND_PIXEL_BYTES, _PART_BYTES = 32, 32
# Pixels for which one part is foreseen.
_PIXELS_OF_A_PART = 1000


def band_bytes(layout: ImageLayout) -> int:
    """Returns the memory that labelling a band of rows takes."""
    rows = min(_band_rows(layout), layout.height)
    return rows * layout.width * _BAND_PIXEL_BYTES


def object_bytes(layout: ImageLayout) -> int:
    """Estimates the memory that numbers take, for objects of a common size."""
    return layout.height * layout.width // _PIXELS_OF_A_PART * _PART_BYTES


def _band_rows(layout: ImageLayout) -> int:
    return max(1, min(BAND_ROWS, _BAND_PIXELS // layout.width))


def instance_windows(
    mask: ImageToWrite, folder: pathlib.Path | None = None, *, smallest: int = 1
) -> Generator[Window, None, None]:
    """Numbers the connected objects of a mask, whose windows are read once.

    Pixels of one class that share a side are connected, and numbers are those of
    `skimage.measure.label` (connectivity 1) on the whole mask without its small
    objects: by their first pixels, row by row. What is not yet
    final waits in a file, so memory is that of a few rows and of one number for each
    part of an object.

    Args:
        mask: of one channel; 0 is background, all else are classes.
        folder: of the file, which has no name; by default that of the system.
        smallest: pixels; objects of fewer are left out.

    Yields:
        (top, 0, numbers): uint32 (rows, width, 1), from top to bottom.

    Raises:
        ValueError: there are more parts of objects than can be numbered.
        OSError: the disk is full.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        final = _write_parts(mask, file, smallest)
        file.seek(0)
        width, most = mask.layout.width, _band_rows(mask.layout)
        for top in range(0, mask.layout.height, most):
            rows = min(most, mask.layout.height - top)
            parts = np.frombuffer(file.read(rows * width * DTYPE.itemsize), DTYPE)
            yield top, 0, final[parts].reshape(rows, width, 1)


def _write_parts(mask: ImageToWrite, file: IO[bytes], smallest: int) -> np.ndarray:
    """Writes the parts of each band; returns the object of each part, uint32."""
    parts = Parts()
    areas = [np.zeros(1, DTYPE)]
    above = classes_above = np.zeros(mask.layout.width, DTYPE)
    for band in row_bands(mask, _band_rows(mask.layout)):
        classes = band[..., 0]
        found = measure.label(classes, connectivity=1)
        numbers = np.where(found, found + parts.count, 0).astype(DTYPE)
        parts.add(int(found.max()))
        areas.append(np.bincount(found.ravel())[1:].astype(DTYPE))
        parts.join(np.where(classes_above == classes[0], above, 0), numbers[0])
        above, classes_above = numbers[-1], classes[-1]
        file.write(numbers.tobytes())
    objects, _ = parts.components()
    # Sums of float64 are exact up to 2**53 pixels.
    sizes = np.bincount(objects, weights=np.concatenate(areas))
    return numbers_of_large(sizes, smallest)[objects].astype(DTYPE)
