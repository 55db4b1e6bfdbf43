"""The tile stream: a tf.data.Dataset in which tile i depends on (seed, i) alone.

There is no shuffle buffer and no Python state: the stream is the same with any number
of parallel calls and can begin at any tile.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from keras_unet import geometry
from pipelines import augment, scaling
from pipelines.config import AugmentConfig
from pipelines.dataset import Dataset
from pipelines.images import ArrayCache
from pipelines.mirroring import mirrored_window

NO_AUGMENTATION = AugmentConfig(
    flips=False, quarter_turns=False, elastic=0, brightness=0, contrast=0
)


@dataclasses.dataclass(frozen=True)
class TileShape:
    """Sizes of a training tile: pixels of a side.

    Attributes:
        image_size: of the image tile, the net's input.
        mask_size: of the mask tile, the net's output: its centre.
    """

    image_size: int
    mask_size: int


def tile_shape(tile_size: int, depth: int, variant: str) -> TileShape:
    """Returns the sizes of a tile, for a net and its input size.

    Raises:
        ValueError: the net does not take tiles of this size.
    """
    geometry.check_input_size("tile_size", tile_size, depth, variant)
    return TileShape(tile_size, geometry.output_size(tile_size, depth, variant))


def tile_stream(
    dataset: Dataset,
    shape: TileShape,
    *,
    batch_size: int,
    seed: int = 0,
    config: AugmentConfig = NO_AUGMENTATION,
    start: int = 0,
    num_tiles: int | None = None,
    cache: ArrayCache | None = None,
) -> tf.data.Dataset:
    """Streams batches of random tiles.

    Every epoch visits each image once for each tile that its area holds, in an order of
    its own.

    Args:
        dataset: checked pairs.
        shape: sizes of image and mask tile.
        batch_size: tiles of a batch.
        seed: of places and changes.
        config: changes of the tiles; none by default.
        start: number of the first tile.
        num_tiles: where the stream ends, counted from tile 0; endless by default.
        cache: of decoded images.

    Returns:
        Dataset of (image, mask): float32 (batch, image_size, image_size, channels),
        scaled by its image's mean and standard deviation; and class ids (batch,
        mask_size, mask_size, 1), float32 for two classes, int32 for more.
    """
    window_size = shape.image_size + 2 * augment.halo(config)
    reader = _WindowReader(dataset, window_size, cache)
    places = _Places(dataset, shape, seed)
    means = tf.constant([facts.mean for facts in dataset.facts], tf.float32)
    stds = tf.constant([facts.std for facts in dataset.facts], tf.float32)
    mask_dtype = tf.float32 if dataset.coding.num_classes == 2 else tf.int32

    def tile(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        index, top, left, tile_seed = places.of_tile(number)
        before = (window_size - shape.mask_size) // 2
        image, mask = reader.window(index, top - before, left - before)
        image = scaling.scale(image, means[index], stds[index])
        image, mask = augment.augment(
            image,
            mask,
            tile_seed,
            config,
            tile_size=shape.image_size,
            mask_size=shape.mask_size,
        )
        return image, tf.cast(mask, mask_dtype)

    end = np.iinfo(np.int64).max if num_tiles is None else num_tiles
    stream = tf.data.Dataset.range(start, end)
    # Numbers, not images, enter the parallel map; its order is kept.
    stream = stream.map(tile, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # One batch shape, so that the training step is traced once.
    stream = stream.batch(batch_size, drop_remainder=True)
    return stream.prefetch(tf.data.AUTOTUNE)


class _Places:
    """Which image, where, and with which seed: a function of the tile's number."""

    def __init__(self, dataset: Dataset, shape: TileShape, seed: int) -> None:
        heights = [facts.height for facts in dataset.facts]
        widths = [facts.width for facts in dataset.facts]
        # The image of each slot: as many slots as tiles cover the image, so that
        # large images are seen more often than small ones.
        size = shape.mask_size
        slots = [
            math.ceil(height / size) * math.ceil(width / size)
            for height, width in zip(heights, widths, strict=True)
        ]
        self._slots = tf.constant(np.repeat(np.arange(len(slots)), slots), tf.int64)
        self._sides = tf.constant([heights, widths], tf.int32)
        self._size = size
        self._seed = seed

    def of_tile(
        self, number: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns (image index, top, left, seed); top and left of the mask tile."""
        num_slots = self._slots.shape[0]
        epoch, position = number // num_slots, number % num_slots
        order_seed = tf.stack([self._seed, tf.cast(epoch, tf.int32)])
        slot = tf.random.experimental.index_shuffle(
            position, order_seed, tf.constant(num_slots - 1, tf.int64)
        )
        index = self._slots[slot]
        base_seed = tf.constant([self._seed, 1], tf.int32)
        # Folded in halves: the number may not fit an int32.
        tile_seed = base_seed
        for part in (number // 2**31, number % 2**31):
            tile_seed = tf.random.experimental.stateless_fold_in(tile_seed, part)
        place_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split(tile_seed, 2)
        )
        # Inside the image; around it where the image is smaller than the tile.
        room = tf.gather(self._sides, index, axis=1) - self._size
        shift = tf.random.stateless_uniform([2], place_seed)
        steps = tf.cast(tf.abs(room) + 1, tf.float32)
        offset = tf.cast(tf.floor(shift * steps), tf.int32) + tf.minimum(room, 0)
        return index, offset[0], offset[1], augment_seed


class _WindowReader:
    """Reads square windows of images and masks, mirrored outside of the image."""

    def __init__(
        self, dataset: Dataset, window_size: int, cache: ArrayCache | None
    ) -> None:
        self._size = window_size
        self._channels = dataset.channels
        numbers = range(len(dataset.pairs))
        self._images = [dataset.open_image(number, cache) for number in numbers]
        self._masks = [dataset.open_mask(number, cache) for number in numbers]

    def window(
        self, index: tf.Tensor, top: tf.Tensor, left: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns float32 (n, n, channels) and class ids uint8 (n, n, 1)."""
        image, mask = tf.numpy_function(
            self._read, [index, top, left], (tf.float32, tf.uint8), stateful=False
        )
        image.set_shape([self._size, self._size, self._channels])
        mask.set_shape([self._size, self._size, 1])
        return image, mask

    def _read(self, index: int, top: int, left: int) -> tuple[np.ndarray, np.ndarray]:
        place = (int(top), int(left), self._size, self._size)
        image = mirrored_window(self._images[int(index)], *place)
        return image.astype(np.float32), mirrored_window(self._masks[index], *place)
