"""Windows of uncompressed arrays in files: only the bytes of the window are read.

Not by memory map: a file that is cut while it is mapped ends the process, and mapped
pages count as memory of the process.
"""

import dataclasses
import itertools
import math
import os
from collections.abc import Iterator

import numpy as np

from pipelines.images.damage import reading
from pipelines.images.handles import SourceFile, read_exactly
from pipelines.images.windowed import WindowedImage

# Copying so many bytes takes no longer than a system call.
_SMALL_GAP = 16 * 2**10
_MOST_AT_ONCE = 4 * 2**20


@dataclasses.dataclass(frozen=True)
class FlatArray:
    """Where the numbers of an array (height, width, channels) lie in a file.

    Attributes:
        offset: of the first number, bytes.
        shape: (height, width, channels).
        strides: bytes from row to row, column to column, channel to channel; no two
            numbers share bytes.
        dtype: of the numbers, with their byte order.
    """

    offset: int
    shape: tuple[int, int, int]
    strides: tuple[int, int, int]
    dtype: np.dtype

    @property
    def end(self) -> int:
        """The first byte behind the array."""
        steps = zip(self.shape, self.strides, strict=True)
        last = sum((size - 1) * stride for size, stride in steps)
        return self.offset + last + self.dtype.itemsize


def read_window(
    descriptor: int, flat: FlatArray, top: int, left: int, height: int, width: int
) -> np.ndarray:
    """Reads a window: (height, width, channels) in the machine's byte order.

    Raises:
        ValueError: the file ends before.
    """
    starts, counts = (top, left, 0), (height, width, flat.shape[2])
    offset = flat.offset
    offset += sum(n * step for n, step in zip(starts, flat.strides, strict=True))
    # From the axis with the longest step to that of neighbours in the file.
    order = sorted(range(3), key=lambda axis: (-flat.strides[axis], axis))
    # An axis of one number may have any stride.
    order = sorted(order, key=lambda axis: flat.shape[axis] != 1)
    sizes = [flat.shape[axis] for axis in order]
    steps = [flat.strides[axis] for axis in order]
    pixels = _read_block(
        descriptor, offset, [counts[axis] for axis in order], sizes, steps, flat.dtype
    )
    pixels = pixels.transpose(np.argsort(order))
    return pixels.astype(flat.dtype.newbyteorder("="), copy=False)


def _read_block(
    descriptor: int,
    offset: int,
    counts: list[int],
    sizes: list[int],
    steps: list[int],
    dtype: np.dtype,
) -> np.ndarray:
    """Reads `counts` of `sizes` numbers along axes of falling steps."""
    run, outer = dtype.itemsize, 3
    # Whole inner axes, and one that is read in part, are neighbours in the file.
    while outer > 0 and (steps[outer - 1] == run or sizes[outer - 1] == 1):
        outer -= 1
        run *= counts[outer]
        if counts[outer] != sizes[outer]:
            break
    if outer == 0 or steps[outer - 1] - run > _SMALL_GAP:
        places = _places(offset, counts, steps[:outer])
        return _read_runs(descriptor, places, counts, outer, dtype)
    # The bytes between are few: one read is faster than many.
    outer -= 1
    step, inner = steps[outer], tuple(steps[outer:])
    span = (counts[outer] - 1) * step + run
    if math.prod(counts[:outer]) == 1 and span <= _MOST_AT_ONCE and 2 * run >= step:
        # Most of what is read is wanted: a view of it, without a copy.
        data = read_exactly(descriptor, span, offset)
        return np.ndarray(counts, dtype, data, strides=steps)
    pixels = np.empty(counts, dtype)
    blocks = pixels.reshape(math.prod(counts[:outer]), *counts[outer:])
    group = max(1, _MOST_AT_ONCE // step)
    for block, place in zip(
        blocks, _places(offset, counts, steps[:outer]), strict=True
    ):
        for first in range(0, counts[outer], group):
            part = block[first : first + group]
            span = (len(part) - 1) * step + run
            data = read_exactly(descriptor, span, place + first * step)
            part[...] = np.ndarray(part.shape, dtype, data, strides=inner)
    return pixels


def _read_runs(
    descriptor: int,
    places: Iterator[int],
    counts: list[int],
    outer: int,
    dtype: np.dtype,
) -> np.ndarray:
    """Reads numbers that are neighbours along all axes from `outer` on."""
    pixels = np.empty(counts, dtype)
    # With an axis of its own for single numbers, too, so that each is a view.
    blocks = pixels.reshape(math.prod(counts[:outer]), -1)
    for block, place in zip(blocks, places, strict=True):
        _read_into(descriptor, block, place)
    return pixels


def _places(offset: int, counts: list[int], steps: list[int]) -> Iterator[int]:
    """Yields where each block begins, over axes of these counts and steps."""
    for index in itertools.product(*map(range, counts[: len(steps)])):
        yield offset + sum(n * step for n, step in zip(index, steps, strict=True))


def _read_into(descriptor: int, block: np.ndarray, offset: int) -> None:
    view = block.view(np.uint8).data
    while view:
        count = os.preadv(descriptor, [view], offset)
        if count == 0:
            raise ValueError(f"it breaks off at byte {offset}")
        view, offset = view[count:], offset + count


class FlatImage(WindowedImage):
    """An uncompressed array in a file.

    Args:
        source: the file.
        flat: where the array lies.
        name: what messages call it.
        kind: of the file, such as "NPY".
    """

    def __init__(
        self, source: SourceFile, flat: FlatArray, name: str, kind: str
    ) -> None:
        self._source, self._flat, self._kind = source, flat, kind
        self.name = name
        self.height, self.width, self.channels = flat.shape
        self.dtype = flat.dtype.newbyteorder("=")
        if self.dtype == bool:
            self.dtype = np.dtype(np.uint8)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Reads the bytes of the window."""
        with (
            reading(self.name, self._source.path, self._kind),
            self._source.opened() as descriptor,
        ):
            pixels = read_window(descriptor, self._flat, top, left, height, width)
            return pixels.astype(self.dtype, copy=False)

    def close(self) -> None:
        """Closes the file."""
        self._source.release()
