"""Windows that reach beyond their image, where it is mirrored at its borders."""

import numpy as np

from keras_unet import geometry
from pipelines.images.windowed import WindowedImage


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
    # One side after the other: several times faster than an index of both.
    if rows is not None:
        part = part.take(rows, axis=0)
    if columns is not None:
        part = part.take(columns, axis=1)
    return part


def _mirrored_side(
    start: int, length: int, size: int
) -> tuple[int, int, np.ndarray | None]:
    """Returns the first pixel to read, how many, and in which order to take them."""
    if 0 <= start and start + length <= size:
        return start, length, None
    places = geometry.mirror_index(start + np.arange(length), size)
    first = int(places.min())
    return first, int(places.max()) + 1 - first, places - first
