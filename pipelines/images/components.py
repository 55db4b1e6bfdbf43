"""Connected components of images of any size, labelled block by block."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from pipelines.images import WindowedImage, blocks
from pipelines.images.cache_folder import release_pages

Foreground = Callable[[np.ndarray], np.ndarray]
# That int32 can number.
MOST_PARTS = 2**31 - 1


def label_components(
    image: WindowedImage,
    labels: np.ndarray,
    foreground: Foreground,
) -> int:
    """Numbers the connected components of an image's foreground.

    Pixels that share a side are connected (4-connectivity), as by
    `scipy.ndimage.label`. Blocks are labelled one by one; what touches across the
    border of two blocks is joined, so memory is that of a block and of one
    number for each part.

    Args:
        image: of one channel.
        labels: int32 (height, width, 1), zeros or not: is written, 0 for background and
            components from 1 on, in the order of the blocks.
        foreground: tells for pixels (height, width, 1) which are foreground.

    Returns:
        How many components there are.

    Raises:
        ValueError: there are more than 2**31 - 1 parts.
    """
    parts = Parts()
    written = []
    for top, left, pixels in blocks(image):
        numbers, count = ndimage.label(foreground(pixels)[..., 0])
        height, width = numbers.shape
        numbers = np.where(numbers, numbers + parts.count, 0)
        parts.add(count)
        labels[top : top + height, left : left + width, 0] = numbers
        if top:
            parts.join(labels[top - 1, left : left + width, 0], numbers[0])
        if left:
            parts.join(labels[top : top + height, left - 1, 0], numbers[:, 0])
        written.append((top, left, height, width))
        release_pages(labels)
    final, count = parts.components()
    for top, left, height, width in written:
        block = labels[top : top + height, left : left + width]
        block[...] = final[block]
        release_pages(labels)
    return count


class Parts:
    """Which parts of components belong together.

    Attributes:
        count: of the parts so far; they are numbered from 1 on.
    """

    def __init__(self) -> None:
        self.count = 0
        self._pairs = [np.zeros((0, 2), np.int32)]

    def add(self, count: int) -> None:
        """Adds parts that belong to none yet.

        Raises:
            ValueError: there are more than 2**31 - 1.
        """
        self.count += count
        if self.count > MOST_PARTS:
            raise ValueError(
                f"The image has more than {MOST_PARTS} parts. Smooth the mask, or cut "
                "the image."
            )

    def join(self, first: np.ndarray, second: np.ndarray) -> None:
        """Joins the parts on two sides of a line, where both are foreground."""
        both = (first > 0) & (second > 0)
        pairs = np.stack([first[both], second[both]], axis=1).astype(np.int32)
        self._pairs.append(np.unique(pairs, axis=0))

    def components(self) -> tuple[np.ndarray, int]:
        """Returns the component of each part, and how many components there are.

        Part 0 is the background. Components are numbered by their first parts.
        """
        first, second = np.concatenate(self._pairs).T
        joined = np.ones(len(first), bool), (first, second)
        graph = sparse.coo_array(joined, shape=(self.count + 1, self.count + 1))
        count, found = csgraph.connected_components(graph, directed=False)
        return found, count - 1
