"""Pixels of classes for tiles to be centred on, from a sample of each mask."""

import threading

import numpy as np

from pipelines.dataset import Dataset
from pipelines.images import ArrayCache
from pipelines.tiles.positions import sample_positions

# Tiles go anywhere in an image with at least this share of its pixels labelled: most
# of them show some.
DENSE = 0.5


class ClassPixels:
    """Draws pixels of rarer classes in all images, and labelled ones of an image.

    An image is sparse where less than half of its pixels are labelled. Each mask is
    read once at most, when the first of its pixels is drawn; what is kept of it depends
    on the seed and the image alone.

    Args:
        dataset: checked pairs.
        seed: of the samples.
        cache: of decoded masks.
    """

    def __init__(
        self, dataset: Dataset, seed: int, cache: ArrayCache | None = None
    ) -> None:
        self._dataset, self._seed, self._cache = dataset, seed, cache
        self._counts = dataset.class_counts()
        self.labelled = self._counts.sum(axis=1)
        self.is_sparse = sparse_images(dataset)
        totals = self._counts.sum(axis=0)
        # Pixels of each rarer class in the images up to each one.
        self._rarer_until = {
            int(class_id): np.cumsum(self._counts[:, class_id])
            for class_id in np.flatnonzero(totals)
            if class_id != np.argmax(totals)
        }
        self._positions: dict[int, dict[int, np.ndarray]] = {}
        self._lock = threading.Lock()

    @property
    def has_rarer(self) -> bool:
        """Whether there is more than one class."""
        return bool(self._rarer_until)

    def rarer_pixel(
        self, class_word: int, pixel_word: int, position_word: int
    ) -> tuple[int, np.ndarray]:
        """Draws a class but the most frequent one, then any of its pixels.

        Args:
            class_word: decides on the class.
            pixel_word: on the image.
            position_word: on the pixel in it.

        Returns:
            Index of the image, and int32 (row, column).
        """
        classes = list(self._rarer_until)
        class_id = classes[class_word % len(classes)]
        pixels_until = self._rarer_until[class_id]
        pixel = pixel_word % int(pixels_until[-1])
        index = int(np.searchsorted(pixels_until, pixel, side="right"))
        positions = self._positions_in(index)[class_id]
        return index, positions[position_word % len(positions)]

    def labelled_pixel(
        self, index: int, pixel_word: int, position_word: int
    ) -> np.ndarray:
        """Draws any labelled pixel of a sparse image, as int32 (row, column)."""
        pixels_until = np.cumsum(self._counts[index])
        pixel = pixel_word % int(pixels_until[-1])
        class_id = int(np.searchsorted(pixels_until, pixel, side="right"))
        positions = self._positions_in(index)[class_id]
        return positions[position_word % len(positions)]

    def _positions_in(self, index: int) -> dict[int, np.ndarray]:
        """Returns the sample of positions in an image, drawn when first needed."""
        found = self._positions.get(index)
        if found is None:
            # One pass at a time: two of the same image would be one too many.
            with self._lock:
                found = self._positions.get(index) or self._sample(index)
                self._positions[index] = found
        return found

    def _sample(self, index: int) -> dict[int, np.ndarray]:
        counts = {
            class_id: int(count)
            for class_id, count in enumerate(self._counts[index])
            if count and (self.is_sparse[index] or class_id in self._rarer_until)
        }
        with self._dataset.open_mask(index, self._cache) as mask:
            return sample_positions(mask, counts, seed=(self._seed, index))


def sparse_images(dataset: Dataset) -> np.ndarray:
    """Tells which images have less than half of their pixels labelled: bool (images,).

    None of a set without a labelled pixel: no place is better than another.
    """
    labelled = dataset.class_counts().sum(axis=1)
    return (labelled < DENSE * _pixels_of_images(dataset)) & bool(labelled.any())


def labelling_in_words(dataset: Dataset) -> tuple[str, str]:
    """Returns what shares of classes are of, and what tiles do about other pixels."""
    share = dataset.class_counts().sum() / _pixels_of_images(dataset).sum()
    if share == 1:
        return "pixels", ""
    sparse = sparse_images(dataset)
    if not sparse.any():
        return "labelled pixels", ""
    where = "" if sparse.all() else f" in {sparse.sum()} of {sparse.size} images"
    return (
        "labelled pixels",
        f"; {100 * share:.2g} % of all are labelled:{where} tiles are centred on these",
    )


def _pixels_of_images(dataset: Dataset) -> np.ndarray:
    """Returns how many pixels each image has, labelled or not: int64 (images,)."""
    return np.array([facts.height * facts.width for facts in dataset.facts], np.int64)
