"""Which of the pixels that differ after warping split an object or merge two.

Source: the class WarpingError of Fiji's Trainable Weka Segmentation, with which the
ISBI 2012 challenge was scored: "minimum splits and mergers", mismatches not clustered.
"""

import numpy as np
from scipy import ndimage

# The neighbours of a pixel in turn, (row, column), from the right one on.
RING = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
# Parts that are joined further away than this many pixels count as split.
RADIUS = 20


def splits_and_mergers(warped: np.ndarray, different: np.ndarray) -> int:
    """Counts the pixels whose flip would split an object or merge objects.

    Outside, a pixel merges if two objects or more are among its eight neighbours.
    Inside, it splits if that is so, or if it is so once the pixel is outside (objects
    looked at within RADIUS pixels of it). Pixels of holes, and of whole objects that
    are missing or too much, do neither.

    Args:
        warped: bool (height, width), True inside objects, as `warp` returns it.
        different: bool, True where the prediction still differs.

    Returns:
        Pixels, of those that differ.
    """
    # A frame of outside, so that every pixel has eight neighbours.
    labels, _ = ndimage.label(np.pad(warped, 1))
    rows, columns = np.nonzero(np.pad(different, 1))
    around = _around(labels, rows, columns)
    joins = _has_several(around)
    # Inside pixels of an object that is in one piece around them cannot split it.
    inside = around > 0
    pieces = np.count_nonzero(inside & ~np.roll(inside, 1, axis=0), axis=0)
    doubtful = ~joins & (labels[rows, columns] > 0) & (pieces > 1)
    places = zip(rows[doubtful], columns[doubtful], strict=True)
    splits = sum(_splits(labels, row, column) for row, column in places)
    return int(np.count_nonzero(joins)) + splits


def _splits(labels: np.ndarray, row: int, column: int) -> bool:
    """Tells whether an object falls apart without this pixel."""
    top, left = max(0, row - RADIUS), max(0, column - RADIUS)
    window = labels[top : row + RADIUS + 1, left : column + RADIUS + 1] > 0
    window[row - top, column - left] = False
    parts, _ = ndimage.label(window)
    place = np.array([row - top]), np.array([column - left])
    return bool(_has_several(_around(parts, *place))[0])


def _around(labels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the labels of the neighbours, (8, pixels)."""
    return np.stack([labels[rows + down, columns + right] for down, right in RING])


def _has_several(around: np.ndarray) -> np.ndarray:
    """Tells of each pixel whether there are different labels around, but for 0."""
    least = np.where(around > 0, around, np.iinfo(around.dtype).max).min(axis=0)
    return around.max(axis=0) > least
