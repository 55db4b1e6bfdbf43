"""Windows that reach beyond their image, where it is mirrored at its borders."""

import numpy as np

from keras_unet import geometry
from pipelines.images.windowed import WindowedImage

# Slices are copied several times faster than an index takes pixels; but of images of
# a few pixels, which are mirrored many times, they would be many.
MOST_PIECES = 9


def mirrored_window(
    image: WindowedImage, top: int, left: int, height: int, width: int
) -> np.ndarray:
    """Reads a window that may reach beyond the image by any distance.

    Args:
        image: of any size from 1x1 on.
        top: row of the window's first pixel, also negative or beyond the image.
        left: its column.
        height: of the window, pixels.
        width: of the window, pixels.

    Returns:
        (height, width, channels), values as in the file.
    """
    first_row, num_rows, rows = _mirrored_side(top, height, image.height)
    first_column, num_columns, columns = _mirrored_side(left, width, image.width)
    part = image.window(first_row, first_column, num_rows, num_columns)
    if rows is None and columns is None:
        return part
    row_runs, column_runs = _runs(rows, height), _runs(columns, width)
    if len(row_runs) * len(column_runs) > MOST_PIECES:
        # One side after the other: several times faster than an index of both.
        part = part if rows is None else part.take(rows, axis=0)
        return part if columns is None else part.take(columns, axis=1)
    result = np.empty((height, width, part.shape[2]), part.dtype)
    for to_rows, from_rows in row_runs:
        for to_columns, from_columns in column_runs:
            result[to_rows, to_columns] = part[from_rows, from_columns]
    return result


def _mirrored_side(
    start: int, length: int, size: int
) -> tuple[int, int, np.ndarray | None]:
    """Returns the first pixel to read, how many, and in which order to take them."""
    if 0 <= start and start + length <= size:
        return start, length, None
    places = geometry.mirror_index(start + np.arange(length), size)
    first = int(places.min())
    return first, int(places.max()) + 1 - first, places - first


def _runs(places: np.ndarray | None, length: int) -> list[tuple[slice, slice]]:
    """Returns where to put which pixels of a side, as few pieces as possible."""
    if places is None:
        return [(slice(None), slice(None))]
    # At a mirror the direction changes: the pixel there begins the next run.
    bends = np.flatnonzero(np.diff(places, n=2)) + 1
    if not np.diff(places).all():
        # An image of one pixel: each pixel is a piece of its own.
        bends = np.arange(1, length)
    ends = [*bends.tolist(), length]
    starts = [0, *bends.tolist()]
    return [
        (slice(start, end), _run(places, start, end))
        for start, end in zip(starts, ends, strict=True)
    ]


def _run(places: np.ndarray, start: int, end: int) -> slice:
    first, last = int(places[start]), int(places[end - 1])
    if last >= first:
        return slice(first, last + 1)
    # A slice that ends before pixel 0 has no number for its end.
    return slice(first, last - 1 if last else None, -1)
