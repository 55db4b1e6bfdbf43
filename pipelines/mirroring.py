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
    inside_rows = 0 <= top and top + height <= image.height
    inside_columns = 0 <= left and left + width <= image.width
    if inside_rows and inside_columns:
        return image.window(top, left, height, width)
    rows = geometry.mirror_index(top + np.arange(height), image.height)
    columns = geometry.mirror_index(left + np.arange(width), image.width)
    first_row, first_column = int(rows.min()), int(columns.min())
    part = image.window(
        first_row,
        first_column,
        int(rows.max()) + 1 - first_row,
        int(columns.max()) + 1 - first_column,
    )
    return part[(rows - first_row)[:, np.newaxis], columns - first_column]
