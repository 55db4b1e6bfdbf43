"""How many pixels of a mask have each value, counted block by block."""

import numpy as np

# Objects of the largest images stay far below; a picture of floats does not.
MOST_VALUES = 2**20


class TooManyValues(Exception):
    """A mask has more values than MOST_VALUES; they are not counted any further."""


class ValueCounts:
    """Counts of values and of runs of equal values.

    Attributes:
        counts: pixels of each value.
        runs: how many runs of equal pixels other than 0 the rows have, those that a
            block cuts counted twice.
    """

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.runs = 0

    def add(self, values: np.ndarray) -> None:
        """Adds a block (height, width, 1) of integers.

        Raises:
            TooManyValues: there are more than MOST_VALUES.
        """
        flat = np.ascontiguousarray(values).reshape(-1)
        # Masks have long runs of one value: there are far fewer runs than pixels, and
        # only they are sorted.
        starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        starts = np.concatenate([[0], starts])
        lengths = np.diff(starts, append=flat.size)
        found, inverse = np.unique(flat[starts], return_inverse=True)
        # Sums of lengths in float64 are exact: a block has far fewer pixels than 2**53.
        pixels = np.bincount(inverse.reshape(-1), lengths).astype(np.int64)
        for value, number in zip(found.tolist(), pixels.tolist(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + number
        self.runs += int(np.count_nonzero(flat[starts]))
        if len(self.counts) > MOST_VALUES:
            raise TooManyValues
