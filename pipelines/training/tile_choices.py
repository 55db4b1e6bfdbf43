"""How deep the net is and what a step shows it: depth, tiles, batch, deformation."""

from collections.abc import Iterable

import numpy as np

from keras_unet import geometry
from pipelines.augment import default_elastic
from pipelines.augment.augmentation import ELASTIC, TILE_OF_ELASTIC
from pipelines.config import FitConfig
from pipelines.config.choice import Choice
from pipelines.dataset import Dataset
from pipelines.tiles.tiles import PADDED_TILE_SIZE, PAPER_TILE_SIZE

SMALLEST_TILE, LARGE_TILE = 64, 512
DEPTH, LARGEST_DEPTH = 4, 5
# The bottom of the net still has this many pixels a side.
BOTTOM_PIXELS = 4
BATCH_PIXELS = 8 * 256**2
LARGEST_BATCH = 32
# Batch normalisation takes the statistics of the tiles of one device.
LEAST_BATCH_OF_A_DEVICE = 4


def tile_choices(config: FitConfig, dataset: Dataset, reach: float) -> Iterable[Choice]:
    """Decides depth, tile size, batch size and elastic deformation.

    Args:
        config: as given; settings that have a value count as they are.
        dataset: the training images.
        reach: of their objects, see `ObjectSizes`.
    """
    if config.variant == "paper":
        yield from _as_in_the_paper(config)
        return
    side = int(np.median([min(one.height, one.width) for one in dataset.facts]))
    deep = _depth(config, side, reach)
    yield deep
    depth = config.depth or deep.value
    tile = _tile(side, depth, reach)
    yield tile
    size = config.tile_size or tile.value
    yield _batch(config.devices, size)
    yield _elastic(size)


def _as_in_the_paper(config: FitConfig) -> Iterable[Choice]:
    depth = config.depth or DEPTH
    size = geometry.nearest_input_sizes(PAPER_TILE_SIZE, depth, "paper")[-1]
    yield Choice("depth", DEPTH, "as in the paper")
    yield Choice("tile_size", size, "as in the paper")
    reason = "as in the paper: large tiles instead of many"
    if config.devices > 1:
        reason = "one for each device: large tiles instead of many"
    yield Choice("batch_size", config.devices, reason)
    yield _elastic(config.tile_size or size)


def _depth(config: FitConfig, side: int, reach: float) -> Choice:
    """The net sees from the middle of an object to its border, if tiles allow it."""
    wanted = DEPTH
    while wanted < LARGEST_DEPTH and geometry.context(wanted) < reach:
        wanted += 1
    depth = wanted
    while depth > 1:
        size = config.tile_size or _tile_size(side, depth, reach)
        # A tile that was given may be of any size that some depth takes.
        legal = geometry.is_legal_input_size(size, depth, "padded")
        if legal and size >= BOTTOM_PIXELS * 2**depth:
            break
        depth -= 1
    seen = geometry.context(depth)
    of_objects = (
        f"95 % of the pixels of objects are within {reach:.0f} of their border"
        if reach
        else "no object in what was looked at"
    )
    reason = f"the net sees {seen} pixels around each; {of_objects}"
    if depth < wanted:
        limit = f"images of {side} pixels along a side"
        if config.tile_size:
            limit = f"tiles of {config.tile_size} pixels"
        reason = f"{limit} allow no more: {reason}"
    if seen < reach:
        reason += ", so it does not see all of the larger ones; smaller images help"
    return Choice("depth", depth, reason)


def _tile(side: int, depth: int, reach: float) -> Choice:
    size, most = _tile_size(side, depth, reach), _most(depth, reach)
    if size < most:
        reason = f"images are {side} pixels along a side"
        return Choice("tile_size", size, reason)
    why = "several places in each step"
    if size == LARGE_TILE:
        why = "for large objects" if _is_far(reach) else "for a net that sees far"
    middle = size - 2 * geometry.context(depth)
    seen = "no pixel has all around it that the net sees"
    if middle > 0:
        seen = f"the middle {middle}x{middle} have all around them that the net sees"
    return Choice("tile_size", size, f"{why}; {seen}")


def _tile_size(side: int, depth: int, reach: float) -> int:
    """Returns the largest size that images of this side fill and the net takes."""
    step = 2**depth
    return min(_most(depth, reach), max(SMALLEST_TILE, step, side // step * step))


def _most(depth: int, reach: float) -> int:
    """Returns the usual size, or a larger one if too few of its pixels would do."""
    context = geometry.context(depth)
    # On the usual tile no pixel has all around it that the net sees; or few have what
    # their object needs.
    too_small = 2 * context >= PADDED_TILE_SIZE or _is_far(min(context, reach))
    return LARGE_TILE if too_small else PADDED_TILE_SIZE


def _is_far(distance: float) -> bool:
    """Tells whether on a tile of the usual size few pixels see so far around them."""
    return 4 * distance > PADDED_TILE_SIZE


def _batch(devices: int, size: int) -> Choice:
    batch = min(LARGEST_BATCH, max(1, round(BATCH_PIXELS / size**2)))
    if devices > 1:
        # Each has as many as would do alone, or enough for the statistics of its share.
        least = min(LEAST_BATCH_OF_A_DEVICE, batch)
        each = max(least, -(-batch // devices))
        batch = each * devices
    reason = f"{batch * size**2 / 1e6:.2g} million pixels a step"
    if devices > 1:
        reason = f"{batch // devices} for each device: {reason}"
    elif batch == LARGEST_BATCH:
        reason = f"the most that are taken: {reason}"
    return Choice("batch_size", batch, reason)


def _elastic(size: int) -> Choice:
    value = default_elastic(size)
    reason = "pixels, as in the paper"
    if size < TILE_OF_ELASTIC:
        reason = f"{ELASTIC:g} pixels for tiles of {TILE_OF_ELASTIC}, less for smaller"
    return Choice("elastic", value, reason)
