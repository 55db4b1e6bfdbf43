"""Warping error: what no shift of borders explains, only another topology.

Source: Jain et al., "Boundary Learning by Optimization with Topological Constraints",
CVPR 2010. The truth is warped towards the prediction by flipping simple points: pixels
whose flip neither joins, divides, makes nor removes an object or a hole. The pixels
that still differ are the error: mergers, splits, holes, added and missing objects.
"""

import functools
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from pipelines.scores import checks
from pipelines.scores.challenge import INSIDE_THRESHOLDS
from pipelines.scores.splitting import RING, splits_and_mergers

# Pixels are flipped in this many steps of certainty.
STEPS = 10


@functools.cache
def simple_points() -> np.ndarray:
    """Tells which neighbourhoods make a pixel simple.

    Inside is connected through sides (4-connectivity), outside through corners too
    (8-connectivity). A pixel is simple when its connectivity number is 1 (Yokoi,
    Toriwaki and Fukumura, "An analysis of topological properties of digitized binary
    pictures using local features", Computer Graphics and Image Processing 4, 1975).

    Returns:
        bool (256,): bit i of the place is 1 when the neighbour RING[i] is inside.
    """
    ring = (np.arange(256)[:, np.newaxis] >> np.arange(8)) & 1
    sides, corners, next_sides = ring[:, ::2], ring[:, 1::2], np.roll(ring, -2, 1)
    return (sides - sides * corners * next_sides[:, ::2]).sum(axis=1) == 1


def warp(
    truth: np.ndarray,
    target: np.ndarray,
    threshold: float = 0.5,
    *,
    distance: float | None = None,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """Warps a mask towards a prediction without changing its topology.

    Pixels that differ from `target > threshold` are flipped where they are simple, the
    most certain first (in STEPS steps from the threshold to 0 and 1), until none is
    left. Another order may leave a few pixels more or less: the best one cannot be
    found in a reasonable time. The outside of the image counts as outside of objects. A
    border moves only over pixels that differ, so one that shifts by more than its width
    is a merger and a split.

    Args:
        truth: bool (height, width), True inside objects.
        target: P(inside) from 0 to 1, or bool, of that shape.
        threshold: a pixel is to be inside when target > threshold.
        distance: pixels further than this many pixels from the border of the truth
            are not flipped; None for all.
        valid: bool, True where a pixel is scored; ignored pixels count as outside of
            the image.

    Returns:
        bool (height, width): the warped truth, False where ignored.

    Raises:
        ValueError: the truth is not bool, the shapes differ, or what is scored is no
            probability.
    """
    checks.check_masks(truth=truth)
    checks.check_one_shape(truth=truth, target=target)
    scored = checks.scored_pixels(valid, truth.shape)
    truth = truth & scored
    target = checks.check_probability("target", target, scored)
    wanted = (target > threshold) & scored
    may_flip = (truth != wanted) & scored
    if distance is not None:
        may_flip &= _depth(truth) <= distance
    certainty = np.where(
        target > threshold,
        (target - threshold) / max(1 - threshold, 1e-6),
        (threshold - target) / max(threshold, 1e-6),
    )
    steps = np.ceil(certainty * STEPS).astype(np.uint8)
    # A frame of outside spares the border of the image a case of its own.
    field = np.pad(truth, 1).astype(np.uint8)
    may_flip, steps, wanted = (np.pad(each, 1) for each in (may_flip, steps, wanted))
    for step in np.unique(steps[may_flip])[::-1]:
        _approach(field, wanted, may_flip & (steps >= step))
    return field[1:-1, 1:-1].astype(bool)


class WarpingCounts:
    """Pixels that still differ after warping, added up image by image.

    Source: the pixels of splits and mergers alone are what the ISBI 2012 challenge
    reported as its warping error; see `splits_and_mergers`.
    """

    def __init__(
        self,
        inside: int = 1,
        thresholds: Sequence[float] = INSIDE_THRESHOLDS,
        distance: float | None = None,
    ) -> None:
        """Starts without images.

        Args:
            inside: the class of the inside of objects: 1, or 0 where the foreground is
                what lies between them, such as membranes.
            thresholds: on P(inside).
            distance: see `warp`.
        """
        self.thresholds = tuple(thresholds)
        self._inside = inside
        self._distance = distance
        self._different = np.zeros(len(self.thresholds), np.int64)
        self._split_or_merged = np.zeros(len(self.thresholds), np.int64)
        self._pixels = 0

    def add(
        self,
        y_true: np.ndarray,
        foreground_probability: np.ndarray,
        valid: np.ndarray | None = None,
    ) -> None:
        """Adds an image.

        Args:
            y_true: class ids 0 and 1, (height, width); other ids only where ignored.
            foreground_probability: P(class 1) from 0 to 1, of that shape.
            valid: bool, True where a pixel is scored; ignored pixels count as outside
                of the image.

        Raises:
            ValueError: the shapes differ, an id that is scored is neither 0 nor 1, or
                what is scored is no probability.
        """
        truth, probability = checks.inside_of(
            y_true, foreground_probability, self._inside, valid
        )
        scored = checks.scored_pixels(valid, truth.shape)
        for index, threshold in enumerate(self.thresholds):
            warped = warp(
                truth, probability, threshold, distance=self._distance, valid=valid
            )
            different = (warped != (probability > threshold)) & scored
            self._different[index] += np.count_nonzero(different)
            self._split_or_merged[index] += splits_and_mergers(warped, different)
        self._pixels += int(np.count_nonzero(scored))

    def warping_error(self) -> float:
        """Returns the share of pixels that differ, at the threshold with the fewest.

        NaN without pixels.
        """
        return self._least(self._different)

    def splits_and_mergers(self) -> float:
        """Returns the share of pixels that split or merge, likewise at its best."""
        return self._least(self._split_or_merged)

    def best_thresholds(self) -> dict[str, float]:
        """Returns the threshold of each score by its name; nothing without pixels."""
        if not self._pixels:
            return {}
        return {
            "warping_error": self.thresholds[self._different.argmin()],
            "splits_and_mergers": self.thresholds[self._split_or_merged.argmin()],
        }

    def _least(self, counts: np.ndarray) -> float:
        return counts.min() / self._pixels if self._pixels else float("nan")


def _approach(field: np.ndarray, wanted: np.ndarray, may_flip: np.ndarray) -> None:
    """Flips simple points that differ from what is wanted until none is left.

    Borders widen first: otherwise a cell that grows into where a border was can shut
    in the rest of it.
    """
    moved = True
    while moved:
        moved = False
        for side in (0, 1):
            differs = (wanted == side) & (field != side)
            moved = _flip(field, may_flip & differs) or moved


def _flip(field: np.ndarray, may_flip: np.ndarray) -> bool:
    """Flips simple points of a framed field, each at most once, until none is left.

    Returns:
        Whether there was one.
    """
    width = field.shape[1]
    flat = field.reshape(-1)
    shifts = [row * width + column for row, column in RING]
    simple = simple_points()
    # No two pixels of a quarter are neighbours, so those of one quarter can be flipped
    # at the same time.
    quarters = [_quarter(may_flip, row, column) for row in (0, 1) for column in (0, 1)]
    before = sum(map(len, quarters))
    last = -1
    while last != (last := sum(map(len, quarters))):
        for index, places in enumerate(quarters):
            codes = np.zeros(places.size, np.uint8)
            for bit, shift in enumerate(shifts):
                codes |= flat[places + shift] << bit
            flips = simple[codes]
            flat[places[flips]] ^= 1
            quarters[index] = places[~flips]
    return last < before


def _quarter(mask: np.ndarray, top: int, left: int) -> np.ndarray:
    """Returns the flat places of True in every second row and column."""
    rows, columns = np.nonzero(mask[top::2, left::2])
    return (2 * rows + top) * mask.shape[1] + 2 * columns + left


def _depth(truth: np.ndarray) -> np.ndarray:
    """Returns how far each pixel is from the nearest of the other side, in pixels."""
    # The outside of the image is outside of objects, too.
    inside = ndimage.distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~truth)
    return np.where(truth, inside, outside)
