"""Tiles made of windows: moved, scaled, changed and weighed."""

import tensorflow as tf

from pipelines import augment, scaling
from pipelines.augment import Augmentation, draws
from pipelines.dataset import Dataset
from pipelines.dataset.mask_values import IGNORED
from pipelines.tiles.pixel_weights import PixelWeights

# Of the range of a tile's values: three to both sides of the mean.
STD_OF_RANGE = 1 / 6
# Of a tile of one value.
TINY = 1e-6


class TileChanges:
    """Makes tiles of windows: TensorFlow operations only.

    Args:
        dataset: checked pairs.
        image_size: height and width of the image tile.
        mask_size: of the mask tile, its centre.
        window_size: of the windows.
        changes: which, and how strong.
        weights: of the pixels; None weighs nothing.
    """

    def __init__(
        self,
        dataset: Dataset,
        image_size: int,
        mask_size: int,
        window_size: int,
        changes: Augmentation,
        weights: PixelWeights | None,
    ) -> None:
        self._size, self._mask_size = image_size, mask_size
        self._window_size = window_size
        self._changes, self._weights = changes, weights
        self._means = tf.constant([facts.mean for facts in dataset.facts], tf.float32)
        self._stds = tf.constant([facts.std for facts in dataset.facts], tf.float32)
        self._scaling = dataset.scaling
        self._dtype = tf.float32 if dataset.coding.num_classes == 2 else tf.int32

    def tile(
        self,
        index: tf.Tensor,
        image: tf.Tensor,
        mask: tf.Tensor,
        closeness: tf.Tensor | None,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """Returns (image, mask) or (image, mask, weight) of one tile.

        Args:
            index: of the image.
            image: its window, (window_size, window_size, channels).
            mask: class ids uint8 (window_size, window_size, 1).
            closeness: the border term of the weight map, float32 of that shape, or
                None.
            seed: of the changes, int32 (2,).
        """
        place_seed, intensity_seed = draws.split(seed, 2)
        size, mask_size = self._size, self._mask_size
        places = augment.tile_places(place_seed, self._changes, size, self._window_size)
        image, mask, closeness = augment.sample_windows(
            image, mask, closeness, places, (size - mask_size) // 2
        )
        image = scaling.scale(image, self._means[index], self._stds[index])
        image = self._changed(image, intensity_seed)
        if self._weights is None:
            return image, tf.cast(mask, self._dtype)
        weight = self._weights.of_tile(index, mask, closeness)
        # Losses know no ignored class: such a pixel is of class 0 and weighs nothing.
        mask = tf.where(mask == IGNORED, tf.zeros_like(mask), mask)
        return image, tf.cast(mask, self._dtype), weight

    def _changed(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Changes the pixel values of a scaled tile.

        The unit of all strengths is the s.d. of the image. Scaling by the type does not
        make it 1, so there a share of the tile's range stands for it.
        """
        if self._scaling == "per_image":
            return augment.change_intensity(image, seed, self._changes)
        # Minimum and maximum do not depend on the order of the pixels.
        extent = tf.reduce_max(image) - tf.reduce_min(image)
        unit = tf.maximum(extent * STD_OF_RANGE, TINY)
        return unit * augment.change_intensity(image / unit, seed, self._changes)
