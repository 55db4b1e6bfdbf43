"""What the net is to answer: the class of each pixel, touching objects kept apart."""

import numpy as np

from pipelines.dataset import Dataset
from pipelines.dataset.mask_values import IGNORED
from pipelines.images import ArrayCache, WindowedImage
from pipelines.images.windowed import DerivedImage, Region
from pipelines.tiles.border_maps import open_cells

BACKGROUND = 0


def open_target(
    dataset: Dataset,
    index: int,
    cache: ArrayCache | None = None,
    *,
    separate_objects: bool,
) -> WindowedImage:
    """Opens a mask as the class ids that are trained on.

    Args:
        dataset: checked pairs.
        index: of the pair.
        cache: of arrays; without one they are kept in memory.
        separate_objects: in masks of instances, pixels that share a side with another
            object become background; without it, objects that touch are one area, and
            nothing tells the net to keep them apart. The paper draws such borders too
            (Ronneberger, Fischer and Brox 2015, section 3: "the small separation
            borders that we introduce between touching cells").

    Returns:
        uint8 (height, width, 1).
    """
    class_ids = dataset.open_mask(index, cache)
    if not separate_objects or dataset.coding.kind != "instances":
        return class_ids
    return _Separated(class_ids, open_cells(dataset, index, cache))


def touching(cells: np.ndarray) -> np.ndarray:
    """Tells which pixels of objects share a side with a pixel of another object.

    Args:
        cells: numbers of objects, integers (height, width), 0 for the background.

    Returns:
        bool (height, width).
    """
    found = np.zeros(cells.shape, bool)
    for axis in (0, 1):
        lines = np.moveaxis(cells, axis, 0)
        before, after = lines[:-1], lines[1:]
        meet = (before != after) & (before != 0) & (after != 0)
        marked = np.moveaxis(found, axis, 0)
        marked[:-1] |= meet
        marked[1:] |= meet
    return found


class _Separated(DerivedImage):
    """Class ids with a line of background between objects that touch."""

    def __init__(self, class_ids: WindowedImage, cells: WindowedImage) -> None:
        super().__init__(class_ids)
        self._cells = cells

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns class ids, uint8 (height, width, 1)."""
        class_ids = self._source.window(top, left, height, width).copy()
        around = Region(top, left, height, width).grown(1, self)
        meet = touching(self._cells.window(*around)[..., 0])
        top, left = top - around.top, left - around.left
        meet = meet[top : top + height, left : left + width]
        class_ids[meet & (class_ids[..., 0] != IGNORED)] = BACKGROUND
        return class_ids

    def close(self) -> None:
        """Closes the mask and its objects."""
        super().close()
        self._cells.close()
