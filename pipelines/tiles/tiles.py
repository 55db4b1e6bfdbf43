"""The tile stream: a tf.data.Dataset in which tile i depends on (seed, i) alone.

There is no shuffle buffer and no Python state: the stream is the same with any number
of parallel calls, can begin at any tile, and can be split over workers.

    from pipelines import tiles
    dataset = tiles.training_tiles("images", "masks", tile_size=256, batch_size=8)
"""

import dataclasses
import functools
import os
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

from keras_unet import geometry
from pipelines import augment
from pipelines.augment import Augmentation, draws
from pipelines.config import NO_AUGMENTATION, StreamConfig, TilesConfig
from pipelines.dataset import Dataset, load_dataset
from pipelines.images import ArrayCache
from pipelines.images.cache import cache_of_gigabytes
from pipelines.processors import count_processors
from pipelines.tiles.pixel_weights import is_balanced, pixel_weights
from pipelines.tiles.places import Places, default_rare_share
from pipelines.tiles.tile_changes import TileChanges
from pipelines.tiles.tile_windows import TileWindows

PADDED_TILE_SIZE, PAPER_TILE_SIZE = 256, 572
PADDED_BATCH_SIZE, PAPER_BATCH_SIZE = 8, 1


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


def training_tiles(
    images: str | os.PathLike[str], masks: str | os.PathLike[str], **settings: Any
) -> tf.data.Dataset:
    """Returns an endless stream of training tiles from image files.

    The images are checked first. What is decoded or computed once is kept on disk, by
    default in a temporary folder that goes with the process (see `cache_folder`).

    Args:
        images: a file, a folder, a glob or a multi-page TIFF; text or a path.
        masks: of the same stems.
        settings: fields of `pipelines.config.TilesConfig`, such as tile_size,
            batch_size, seed, elastic or weight_map.

    Returns:
        Dataset of (image, mask) or (image, mask, weight), as of `tile_stream`.

    Raises:
        ValueError: a setting is out of range, or a file is wrong; names it.
    """
    config = TilesConfig(images=images, masks=masks, **settings)  # type: ignore[arg-type]
    tile_size, batch_size = _default_sizes(config)
    shape = tile_shape(tile_size, config.depth, config.variant)
    folder = config.cache_folder or _temporary_folder().name
    cache = cache_of_gigabytes(folder, config.cache_gigabytes)
    return tile_stream(
        load_dataset(config, cache=cache),
        shape,
        batch_size=batch_size,
        config=config,
        cache=cache,
    )


def _default_sizes(config: TilesConfig) -> tuple[int, int]:
    """Returns the tile size and the batch size; those of the net if they are open."""
    tile_size, batch_size = PADDED_TILE_SIZE, PADDED_BATCH_SIZE
    if config.variant == "paper":
        # 572 at the paper's depth.
        sizes = geometry.nearest_input_sizes(PAPER_TILE_SIZE, config.depth, "paper")
        tile_size, batch_size = sizes[-1], PAPER_BATCH_SIZE
    return config.tile_size or tile_size, config.batch_size or batch_size


@functools.cache
def _temporary_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="keras_unet_")


def tile_stream(
    dataset: Dataset,
    shape: TileShape,
    *,
    batch_size: int,
    seed: int | None = None,
    config: StreamConfig = NO_AUGMENTATION,
    start: int = 0,
    num_tiles: int | None = None,
    worker: int = 0,
    num_workers: int = 1,
    cache: ArrayCache | None = None,
) -> tf.data.Dataset:
    """Streams batches of random tiles.

    Every epoch visits each image once for each tile that its area holds, in an order of
    its own; of sparsely labelled ones the labelled places are visited. See `Places`.

    Args:
        dataset: checked pairs.
        shape: sizes of image and mask tile.
        batch_size: tiles of a batch.
        seed: of places and changes; by default that of `config`, or 0.
        config: changes, share of rarer classes and weights; none by default. What else
            it has, such as the sizes of a `TilesConfig`, has no say.
        start: number of the first tile, in the stream of all workers.
        num_tiles: where the stream ends, counted from tile 0; endless by default. Of
            the last tiles those that do not fill a batch are left out.
        worker: number of this worker, from 0 on.
        num_workers: worker k has the tiles whose number is k modulo `num_workers`.
        cache: of decoded images and weight maps; without one they are kept in memory.

    Returns:
        Dataset of (image, mask), or (image, mask, weight) when there is something to
        weigh: float32 (batch, image_size, image_size, channels), scaled as the data set
        says; class ids (batch, mask_size, mask_size, 1), float32 for two classes, int32
        for more, 0 where pixels are ignored; float32 (batch, mask_size, mask_size, 1).

    Raises:
        ValueError: class weights do not fit the classes, or a number is out of range.
    """
    if seed is None:
        seed = getattr(config, "seed", 0)
    _check_numbers(batch_size, start, num_tiles, worker, num_workers)
    changes = Augmentation.of(config, shape.image_size)
    window_size = shape.image_size + 2 * augment.halo(changes, shape.image_size)
    rare_share = config.rare_share
    if rare_share is None:
        rare_share = default_rare_share(dataset)
    places = Places(dataset, shape.mask_size, seed, rare_share, cache)
    shares = places.class_shares() if is_balanced(config) else None
    weights = pixel_weights(dataset, config, shares)
    sigma = None if weights is None else weights.sigma
    windows = TileWindows(
        dataset,
        places,
        window_size,
        shape.mask_size,
        sigma,
        separate_objects=config.separate_objects,
        cache=cache,
    )
    changed = TileChanges(
        dataset, shape.image_size, shape.mask_size, window_size, changes, weights
    )

    def tile(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        place_seed, change_seed = draws.split(tf.stack([seed, number]), 2)
        window = windows.window(places.slot_of(number), place_seed)
        return changed.tile(*window, change_seed)

    first = start + (worker - start) % num_workers
    end = np.iinfo(np.int64).max if num_tiles is None else num_tiles
    stream = tf.data.Dataset.range(first, end, num_workers)
    # Numbers, not images, enter the parallel map; its order is kept.
    stream = stream.map(tile, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    # One batch shape, so that the training step is traced once.
    stream = stream.batch(batch_size, drop_remainder=True)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(_options())


def _options() -> tf.data.Options:
    options = tf.data.Options()
    # The changes are compiled while Keras traces its step, not after it.
    options.experimental_warm_start = True
    # Threads wait for Python and for each other: with only one for each processor, a
    # tenth of the processors' time is lost.
    options.threading.private_threadpool_size = 2 * count_processors()
    return options


def _check_numbers(
    batch_size: int, start: int, num_tiles: int | None, worker: int, num_workers: int
) -> None:
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("num_workers", num_workers, 1),
        ("start", start, 0),
        ("worker", worker, 0),
        ("num_tiles", num_tiles, 1),
    ):
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
    if worker >= num_workers:
        raise ValueError(
            f"worker must be less than num_workers, {num_workers}, got {worker}: "
            "workers are numbered from 0 on."
        )
