"""Windows that reach beyond their image, where it is mirrored at its borders."""

from typing import NamedTuple

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
    if height > 2 * (image.height - 1) or width > 2 * (image.width - 1):
        return _window_of_few_pixels(image, top, left, height, width)
    rows, columns = _runs(top, height, image.height), _runs(left, width, image.width)
    first_row, num_rows = _extent(rows)
    first_column, num_columns = _extent(columns)
    part = image.window(first_row, first_column, num_rows, num_columns)
    if _is_plain(rows) and _is_plain(columns):
        return part
    result = np.empty((height, width, part.shape[2]), part.dtype)
    for row_run in rows:
        for column_run in columns:
            result[row_run.target, column_run.target] = part[
                row_run.source(first_row), column_run.source(first_column)
            ]
    return result


def _window_of_few_pixels(
    image: WindowedImage, top: int, left: int, height: int, width: int
) -> np.ndarray:
    """Reads a window that shows its image several times: by an index of each side."""
    rows = geometry.mirror_index(top + np.arange(height), image.height)
    columns = geometry.mirror_index(left + np.arange(width), image.width)
    first_row, first_column = int(rows.min()), int(columns.min())
    size = int(rows.max()) + 1 - first_row, int(columns.max()) + 1 - first_column
    part = image.window(first_row, first_column, *size)
    # One side after the other: several times faster than an index of both.
    return part.take(rows - first_row, axis=0).take(columns - first_column, axis=1)


class _Run(NamedTuple):
    """Pixels of a window's side that are neighbours in the image, too.

    Slices are copied several times faster than an index takes pixels.

    Attributes:
        start: where it begins in the window.
        length: pixels.
        first: the pixel of the image that it begins with.
        step: 1, or -1 where the image is seen in the mirror.
    """

    start: int
    length: int
    first: int
    step: int

    @property
    def target(self) -> slice:
        """Its pixels in the window."""
        return slice(self.start, self.start + self.length)

    def source(self, origin: int) -> slice:
        """Returns its pixels in a part of the image that begins at `origin`."""
        first = self.first - origin
        end = first + self.step * self.length
        # A slice that ends before pixel 0 has no number for its end.
        return slice(first, None if end < 0 else end, self.step)


def _runs(start: int, length: int, size: int) -> list[_Run]:
    """Returns the runs of a side that is at most `2 * (size - 1)` long: up to three."""
    if 0 <= start and start + length <= size:
        return [_Run(0, length, start, 1)]
    # Forwards up to the last pixel but one, and back from the last to the second.
    period, found, at = 2 * (size - 1), [], 0
    while at < length:
        phase = (start + at) % period
        forwards = phase < size - 1
        count = min((size - 1 if forwards else period) - phase, length - at)
        first = phase if forwards else period - phase
        found.append(_Run(at, count, first, 1 if forwards else -1))
        at += count
    return found


def _extent(runs: list[_Run]) -> tuple[int, int]:
    """Returns the first pixel of the image that runs show, and how many there are."""
    ends = [run.first + run.step * (run.length - 1) for run in runs]
    ends += [run.first for run in runs]
    return min(ends), max(ends) + 1 - min(ends)


def _is_plain(runs: list[_Run]) -> bool:
    return len(runs) == 1 and runs[0].step == 1
