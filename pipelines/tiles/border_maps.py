"""The border term of the paper's weight map as an image read by windows."""

import numpy as np

from keras_unet import border_weights
from pipelines.dataset import Dataset, mask_values
from pipelines.dataset.mask_values import MaskCoding
from pipelines.images import ArrayCache, ArrayImage, WindowedImage, file_key
from pipelines.images.cache import Fill
from pipelines.images.cache_folder import release_pages
from pipelines.images.components import label_components
from pipelines.images.windowed import DerivedImage, Region

# Side of the parts in which a whole map is computed.
PART = 1024


def open_closeness(
    dataset: Dataset, index: int, sigma: float, cache: ArrayCache | None = None
) -> WindowedImage:
    """Opens exp(-(d1 + d2)**2 / (2 * sigma**2)) of a mask, see `keras_unet`.

    It is computed for the whole image: when a window is first read, to be kept in the
    cache, or now, without a cache. Where the cache is too small, for each window.

    Args:
        dataset: checked pairs.
        index: of the pair.
        sigma: in pixels, above 0.
        cache: of arrays; without one they are kept in memory.

    Returns:
        float32 (height, width, 1), from 0 to 1.

    Raises:
        ValueError: the mask is binary and its cells' numbers do not fit in the cache;
            names the file.
    """
    windows = _Closeness(open_cells(dataset, index, cache), sigma)

    def fill(array: np.ndarray) -> None:
        for top in range(0, windows.height, PART):
            for left in range(0, windows.width, PART):
                part = array[top : top + PART, left : left + PART]
                part[...] = windows.window(top, left, *part.shape[:2])
            release_pages(array)

    kept = _kept(dataset, index, ("closeness", sigma), np.float32, fill, cache)
    return windows if kept is None else kept


def open_cells(
    dataset: Dataset, index: int, cache: ArrayCache | None = None
) -> WindowedImage:
    """Opens the numbers of the cells of a mask; 0 is background and ignored pixels.

    Cells are the objects of masks of instances; of other masks the connected components
    of all that is not background (4-connectivity), numbered over the whole image, so
    that no border of a window cuts a cell in two.

    Args:
        dataset: checked pairs.
        index: of the pair.
        cache: of arrays; without one they are kept in memory.

    Returns:
        Whole numbers (height, width, 1).

    Raises:
        ValueError: as `open_closeness`.
    """
    if dataset.coding.kind == "instances":
        return _Instances(dataset.open_labels(index, cache), dataset.coding)

    def fill(array: np.ndarray) -> None:
        with dataset.open_mask(index, cache) as mask:
            label_components(mask, array, mask_values.is_object)

    kept = _kept(dataset, index, ("cells",), np.int32, fill, cache)
    if kept is None:
        raise ValueError(
            f"{dataset.pairs[index].mask.name}: the numbers of its cells do not fit in "
            "the cache. Make it larger (cache_gigabytes), or give a mask of instances."
        )
    return kept


def _kept(
    dataset: Dataset,
    index: int,
    what: tuple[object, ...],
    dtype: type,
    fill: Fill,
    cache: ArrayCache | None,
) -> WindowedImage | None:
    entry, facts = dataset.pairs[index].mask, dataset.facts[index]
    shape = facts.height, facts.width, 1
    if cache is None:
        array: np.ndarray = np.empty(shape, dtype)
        fill(array)
        return ArrayImage(array, entry.name)
    key = file_key(entry.path, entry.page, dataset.coding, *what)
    return cache.get(key, entry.name, shape, dtype, fill)


class _Instances(DerivedImage):
    """A mask of instance ids, 0 also where pixels are ignored."""

    def __init__(self, source: WindowedImage, coding: MaskCoding) -> None:
        super().__init__(source)
        self._ignored = coding.ignore_value
        self.channels = 1

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns ids (height, width, 1)."""
        ids = self._source.window(top, left, height, width)[..., :1]
        if self._ignored is None:
            return ids
        return np.where(ids == self._ignored, 0, ids).astype(ids.dtype)


class _Closeness(DerivedImage):
    """The border term, computed for each window and its margin."""

    def __init__(self, cells: WindowedImage, sigma: float) -> None:
        super().__init__(cells)
        self._sigma = sigma
        self._margin = border_weights.closeness_margin(sigma)
        self.dtype = np.dtype(np.float32)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns float32 (height, width, 1)."""
        around = Region(top, left, height, width).grown(self._margin, self)
        cells = self._source.window(*around)[..., 0]
        closeness = border_weights.border_closeness(cells, self._sigma)
        top, left = top - around.top, left - around.left
        return closeness[top : top + height, left : left + width, np.newaxis]
