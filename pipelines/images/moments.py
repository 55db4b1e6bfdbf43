"""Count, mean and spread of the pixels of an image, added up block by block.

Integers of up to 32 bits are added up exactly, so any division into blocks gives the
same bits. Floats are merged by Chan, Golub and LeVeque (1983, "Algorithms for computing
the sample variance"), which keeps the digits that a sum of squares would lose.
"""

import numpy as np

# Sums of so many products of 16-bit numbers stay below 2**53: float64 holds them
# exactly, and adds them up much faster than NumPy does integers.
EXACT_PIXELS = 2**20


class Moments:
    """Sums of each channel.

    Args:
        channels: of the image.
        dtype: of its pixels.
    """

    def __init__(self, channels: int, dtype: np.dtype) -> None:
        dtype = np.dtype(dtype)
        self._exact = dtype.kind in "iu" and dtype.itemsize <= 4
        # Added to signed integers, so that all are positive.
        self._offset = -int(np.iinfo(dtype).min) if self._exact else 0
        self._count = 0
        self._totals = [0] * channels
        self._squares = [0] * channels
        self._mean = np.zeros(channels)
        self._deviations = np.zeros(channels)

    def add(self, pixels: np.ndarray) -> None:
        """Adds a block (height, width, channels)."""
        rows = pixels.reshape(-1, pixels.shape[-1])
        for start in range(0, len(rows), EXACT_PIXELS):
            part = rows[start : start + EXACT_PIXELS]
            if self._exact:
                self._add_integers(part)
            else:
                self._add_floats(part.astype(np.float64))

    def parts(self) -> tuple[np.ndarray, ...]:
        """Returns count, pivot, sum and sum of squares about the pivot.

        The pivot is the whole number nearest to the mean, or the mean itself of
        floats. All are float64, () the count and (channels,) the others; no sum of
        integers is rounded before.
        """
        count = np.array(self._count, np.float64)
        if not self._exact:
            nothing = np.zeros_like(self._mean)
            return count, self._mean, nothing, self._deviations
        about = [
            self._about_pivot(total, squares)
            for total, squares in zip(self._totals, self._squares, strict=True)
        ]
        pivots, totals, deviations = (
            np.array(column, np.float64) for column in zip(*about, strict=True)
        )
        return count, pivots - self._offset, totals, deviations

    def _about_pivot(self, total: int, squares: int) -> tuple[int, int, int]:
        count = self._count
        # Of equally near ones that nearer to minus infinity of the true values too:
        # the offset is whole.
        pivot = (2 * total + count) // (2 * count)
        around = squares - 2 * pivot * total + count * pivot * pivot
        return pivot, total - count * pivot, around

    def _add_integers(self, part: np.ndarray) -> None:
        self._count += len(part)
        for channel, values in enumerate(part.T):
            total, squares = _exact_sums(values, self._offset)
            self._totals[channel] += total
            self._squares[channel] += squares

    def _add_floats(self, part: np.ndarray) -> None:
        count = self._count + len(part)
        # What does not fit float64 shows as infinity in the result.
        with np.errstate(over="ignore", invalid="ignore"):
            mean = part.mean(axis=0)
            shift = mean - self._mean
            between = shift**2 * (self._count * len(part) / count)
            self._deviations += np.square(part - mean).sum(axis=0) + between
            self._mean += shift * (len(part) / count)
        self._count = count


def _exact_sums(values: np.ndarray, offset: int) -> tuple[int, int]:
    """Returns sum and sum of squares of at most EXACT_PIXELS integers + offset."""
    if values.dtype.itemsize <= 2:
        numbers = values.astype(np.float64) + offset
        return int(numbers.sum()), _dot(numbers, numbers)
    positive = values.astype(np.int64) + offset
    high = (positive >> 16).astype(np.float64)
    low = (positive & 0xFFFF).astype(np.float64)
    total = (int(high.sum()) << 16) + int(low.sum())
    squares = _dot(high, high) << 32
    squares += (_dot(high, low) << 17) + _dot(low, low)
    return total, squares


def _dot(one: np.ndarray, other: np.ndarray) -> int:
    """Returns the sum of products of whole numbers, below 2**53.

    Not by `@`: the threads of OpenBLAS spin for a tenth of a second after it, and take
    a third of two processors from a net that computes meanwhile.
    """
    return int(np.einsum("i,i->", one, other))
