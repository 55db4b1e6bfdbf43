"""Connected components of images of any size, labelled block by block."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from pipelines.images import WindowedImage, blocks
from pipelines.images.cache_folder import release_pages

Foreground = Callable[[np.ndarray], np.ndarray]


def label_components(
    image: WindowedImage,
    labels: np.ndarray,
    foreground: Foreground | None = None,
    block_bytes: int | None = None,
) -> int:
    """Numbers the connected components of an image's foreground.

    Pixels that share a side are connected (4-connectivity), as by
    `scipy.ndimage.label`. Blocks are labelled one by one; what touches across the
    border of two blocks is joined (union-find), so memory is that of a block and of one
    number for each part.

    Args:
        image: of one channel.
        labels: integers (height, width, 1), zeros or not: is written, 0 for background
            and components from 1 on, in the order of the blocks.
        foreground: tells for pixels (height, width, 1) which are foreground; by default
            those that are not 0.
        block_bytes: of one block of the image.

    Returns:
        How many components there are.

    Raises:
        ValueError: `labels` cannot hold the number of parts.
    """
    size = {} if block_bytes is None else {"block_bytes": block_bytes}
    is_foreground = foreground or _is_not_zero
    parents = Parents()
    written = []
    for top, left, pixels in blocks(image, **size):
        numbers, count = ndimage.label(is_foreground(pixels)[..., 0])
        height, width = numbers.shape
        numbers = np.where(numbers, numbers + parents.count, 0)
        parents.add(count)
        _check_room(labels, parents.count)
        labels[top : top + height, left : left + width, 0] = numbers
        if top:
            parents.join(labels[top - 1, left : left + width, 0], numbers[0])
        if left:
            parents.join(labels[top : top + height, left - 1, 0], numbers[:, 0])
        written.append((top, left, height, width))
        release_pages(labels)
    final, count = parents.final_numbers()
    for top, left, height, width in written:
        block = labels[top : top + height, left : left + width]
        block[...] = final[block]
        release_pages(labels)
    return count


class Parents:
    """Which parts belong together: each names a lower number of its own component.

    Attributes:
        count: of the parts so far; they are numbered from 1 on.
    """

    def __init__(self) -> None:
        self._parents = np.zeros(1, np.int64)
        self.count = 0

    def add(self, count: int) -> None:
        """Adds parts that belong to none yet."""
        needed = self.count + count + 1
        if needed > len(self._parents):
            grown = np.arange(max(needed, 2 * len(self._parents)))
            grown[: len(self._parents)] = self._parents
            self._parents = grown
        self.count += count

    def join(self, first: np.ndarray, second: np.ndarray) -> None:
        """Joins the parts on two sides of a line, where both are foreground."""
        both = (first > 0) & (second > 0)
        for one, other in set(
            zip(first[both].tolist(), second[both].tolist(), strict=True)
        ):
            one, other = self._root(one), self._root(other)
            self._parents[max(one, other)] = min(one, other)

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = int(self._parents[number])
        return number

    def final_numbers(self) -> tuple[np.ndarray, int]:
        """Returns the component of each part, and how many components there are."""
        parents = self._parents[: self.count + 1]
        # Roots are lower than what names them, so one jump after the other ends there.
        while not np.array_equal(parents, parents[parents]):
            parents = parents[parents]
        is_root = parents == np.arange(len(parents))
        is_root[0] = False
        return np.cumsum(is_root)[parents] * (parents > 0), int(is_root.sum())


def _is_not_zero(pixels: np.ndarray) -> np.ndarray:
    return pixels != 0


def _check_room(labels: np.ndarray, count: int) -> None:
    most = np.iinfo(labels.dtype).max
    if count > most:
        raise ValueError(
            f"The image has more than {most} parts, which {labels.dtype} cannot "
            "number. Smooth the mask, or cut the image."
        )
