"""Which of the pixels that differ after warping split an object or merge two.

Source: the class WarpingError of Fiji's Trainable Weka Segmentation, with which the
ISBI 2012 challenge was scored: "minimum splits and mergers", mismatches not clustered.
"""

import numpy as np
from scipy import ndimage

from pipelines.scores import checks

# The neighbours of a pixel in turn, (row, column), from the right one on.
RING = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
# Parts that are joined further away than this many pixels count as split.
RADIUS = 20
# Most parts are joined that near, which takes little to see.
_NEAR = 2
# Pixels around which objects are labelled at once.
_AT_ONCE = 512


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

    Raises:
        ValueError: an array is not bool, or the shapes differ.
    """
    checks.check_masks(warped=warped, different=different)
    # A frame of outside, so that every pixel has eight neighbours.
    labels, _ = ndimage.label(np.pad(warped, 1))
    rows, columns = np.nonzero(np.pad(different, 1))
    around = _around(labels, rows, columns)
    joins = _has_several(around)
    # Inside pixels of an object that is in one piece around them cannot split it.
    inside = around > 0
    pieces = np.count_nonzero(inside & ~np.roll(inside, 1, axis=0), axis=0)
    doubtful = ~joins & (labels[rows, columns] > 0) & (pieces > 1)
    rows, columns = rows[doubtful], columns[doubtful]
    for radius in (_NEAR, RADIUS):
        splits = _splits(labels > 0, rows, columns, radius)
        rows, columns = rows[splits], columns[splits]
    return int(np.count_nonzero(joins)) + len(rows)


def _splits(
    inside: np.ndarray, rows: np.ndarray, columns: np.ndarray, radius: int
) -> np.ndarray:
    """Tells of each pixel whether the object falls apart without it, bool (pixels,).

    Objects are looked at within `radius` pixels of it.
    """
    side = 2 * radius + 1
    views = np.lib.stride_tricks.sliding_window_view(
        np.pad(inside, radius), (side, side)
    )
    # Neighbours share a side, and windows have nothing to do with each other.
    cross = np.zeros((3, 3, 3), bool)
    cross[1] = ndimage.generate_binary_structure(2, 1)
    splits = np.zeros(len(rows), bool)
    for start in range(0, len(rows), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        windows = views[rows[some], columns[some]]
        windows[:, radius, radius] = False
        parts, _ = ndimage.label(windows, cross)
        ring = [parts[:, radius + down, radius + right] for down, right in RING]
        splits[some] = _has_several(np.stack(ring))
    return splits


def _around(labels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the labels of the neighbours, (8, pixels)."""
    return np.stack([labels[rows + down, columns + right] for down, right in RING])


def _has_several(around: np.ndarray) -> np.ndarray:
    """Tells of each pixel whether there are different labels around, but for 0."""
    least = np.where(around > 0, around, np.iinfo(around.dtype).max).min(axis=0)
    return around.max(axis=0) > least
