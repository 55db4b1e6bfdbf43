"""What `fit` decides for settings that are left open, and why."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_unet import geometry
from keras_unet.unet import DEFAULTS
from pipelines.augment import default_elastic
from pipelines.augment.augmentation import ELASTIC, TILE_OF_ELASTIC
from pipelines.config import DEFAULT_MINUTES, FitConfig
from pipelines.config.fields import value_in_words
from pipelines.dataset import Dataset
from pipelines.dataset.object_sizes import ObjectSizes, object_sizes
from pipelines.tiles.class_pixels import labelling_in_words
from pipelines.tiles.places import default_rare_share
from pipelines.tiles.tiles import PADDED_TILE_SIZE, PAPER_TILE_SIZE
from pipelines.training import objectives, precision

SMALLEST_TILE = 64
DEPTH, LARGEST_DEPTH = 4, 5
# The bottom of the net still has this many pixels a side.
BOTTOM_PIXELS = 4
BATCH_PIXELS = 8 * 256**2
LARGEST_BATCH = 32
# Batch normalisation takes the statistics of the tiles of one device.
LEAST_BATCH_OF_A_DEVICE = 4
# build_unet's 64 takes 16 times as long a step as 16.
FILTERS, MORE_FILTERS = 16, 32
# From so many minutes on, more filters have the time that they need.
MINUTES_FOR_MORE_FILTERS = 120


@dataclasses.dataclass(frozen=True)
class Choice:
    """A setting that was left open.

    Attributes:
        name: of the setting.
        value: what was chosen.
        reason: why, in words.
    """

    name: str
    value: Any
    reason: str

    @classmethod
    def from_json(cls, choice: dict[str, Any]) -> "Choice":
        """Returns a choice as it was before it became JSON, which has no tuples."""
        value = choice["value"]
        value = tuple(value) if isinstance(value, list) else value
        return cls(choice["name"], value, choice["reason"])


def choose(config: FitConfig, dataset: Dataset) -> list[Choice]:
    """Decides the settings that are left open.

    Args:
        config: as given; settings that have a value keep it.
        dataset: the training images.
    """
    left_open = config.left_open()
    tile_size = config.tile_size or _largest_tile(config, dataset)
    choices = []
    # Looking at objects takes time.
    sizes = ObjectSizes(0.0, 1)
    if left_open & {"depth", "smallest_object"}:
        sizes = object_sizes(dataset)
    choices.append(_depth(config, sizes.reach, tile_size))
    depth = config.depth or choices[0].value
    choices += by_machine(config)
    choices += _tiles(config, dataset, tile_size, depth)
    choices += _weights(config, dataset)
    choices += _course(config)
    reason = "hardly an object of the masks has fewer pixels"
    choices.append(Choice("smallest_object", sizes.smallest, reason))
    return [one for one in choices if one.name in left_open]


def by_machine(config: FitConfig) -> list[Choice]:
    """Decides what depends on the machine: filters and precision."""
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    minutes = config.minutes or 0
    filters, reason = (
        FILTERS,
        f"for a processor; {MORE_FILTERS} takes about 4 times as long a step and is "
        f"for {MINUTES_FOR_MORE_FILTERS} minutes and more",
    )
    if on_gpu or minutes >= MINUTES_FOR_MORE_FILTERS:
        filters = MORE_FILTERS
        reason = f"{minutes:g} minutes are long enough"
        if on_gpu:
            reason = "a GPU computes"
    computed = precision.resolve("auto")
    fast = "this machine computes it fast"
    if computed == "float32":
        fast = "this machine computes shorter numbers no faster"
    return [
        Choice("base_filters", filters, reason),
        Choice("precision", computed, fast),
    ]


def chosen(config: FitConfig, choices: Iterable[Choice]) -> FitConfig:
    """Returns the settings with all choices made."""
    return dataclasses.replace(config, **{one.name: one.value for one in choices})


def in_words(choices: Iterable[Choice]) -> str:
    """Returns the choices as a table of lines: name, value, reason."""
    rows = [(one.name, value_in_words(one.value), one.reason) for one in choices]
    first = max((len(name) for name, _, _ in rows), default=0)
    second = max((len(value) for _, value, _ in rows), default=0)
    return "\n".join(
        f"  {name:<{first}}  {value:<{second}}  {reason}"
        for name, value, reason in rows
    )


def _depth(config: FitConfig, reach: float, tile_size: int) -> Choice:
    """The net sees from the middle of an object to its border, if tiles allow it."""
    if config.variant == "paper":
        return Choice("depth", DEPTH, "as in the paper")
    most = max(1, int(np.log2(max(tile_size, BOTTOM_PIXELS) / BOTTOM_PIXELS)))
    wanted = DEPTH
    while wanted < LARGEST_DEPTH and geometry.context(wanted) < reach:
        wanted += 1
    depth = min(wanted, most)
    # A tile that was given may be of any size that some depth takes.
    while depth > 1 and not geometry.is_legal_input_size(tile_size, depth, "padded"):
        depth -= 1
    seen = geometry.context(depth)
    reason = (
        f"the net sees {seen} pixels around each; 95 % of the pixels of objects are "
        f"within {reach:.0f} of their border"
    )
    if depth < wanted:
        reason = f"tiles of {tile_size} pixels allow no more: {reason}"
    if seen < reach:
        reason += ", so it does not see all of the larger ones; smaller images help"
    return Choice("depth", depth, reason)


def _largest_tile(config: FitConfig, dataset: Dataset) -> int:
    """Returns the usual size, or one that most images fill."""
    if config.variant == "paper":
        return PAPER_TILE_SIZE
    sides = [min(facts.height, facts.width) for facts in dataset.facts]
    step = 2 ** (config.depth or DEPTH)
    fitting = int(np.median(sides)) // step * step
    return min(PADDED_TILE_SIZE, max(SMALLEST_TILE, step, fitting))


def _tiles(
    config: FitConfig, dataset: Dataset, wanted: int, depth: int
) -> Iterable[Choice]:
    size = geometry.nearest_input_sizes(wanted, depth, config.variant)[-1]
    if config.variant == "paper":
        yield Choice("tile_size", size, "as in the paper")
        reason = "as in the paper: large tiles instead of many"
        if config.devices > 1:
            reason = "one for each device: large tiles instead of many"
        yield Choice("batch_size", config.devices, reason)
        yield _elastic(config.tile_size or size)
        return
    if size < PADDED_TILE_SIZE:
        side = int(np.median([min(f.height, f.width) for f in dataset.facts]))
        yield Choice("tile_size", size, f"images are {side} pixels along a side")
    else:
        yield Choice(
            "tile_size", size, "enough context, and several places in each step"
        )
    size = config.tile_size or size
    yield _batch(config.devices, size)
    yield _elastic(size)


def _batch(devices: int, size: int) -> Choice:
    batch = min(LARGEST_BATCH, max(1, round(BATCH_PIXELS / size**2)))
    if devices > 1:
        # Each has as many, and enough for the statistics of its share.
        each = max(LEAST_BATCH_OF_A_DEVICE, -(-batch // devices))
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


def _weights(config: FitConfig, dataset: Dataset) -> Iterable[Choice]:
    totals = dataset.class_counts().sum(axis=0)
    present = totals[totals > 0]
    percent = 100 * present.min() / present.sum()
    share = default_rare_share(dataset)
    pixels, labelling = labelling_in_words(dataset)
    said = f"the rarest of {present.size} classes has {percent:.2g} % of the {pixels}"
    more = "any place shows it" if share == 0 else "more tiles are centred on it"
    yield Choice("rare_share", share, f"{said}: {more}{labelling}")
    if config.rare_share is not None:
        share = config.rare_share
    if config.weight_map != "none":
        reason = "as in the paper, with its weight map"
        yield Choice("class_weights", ("balanced",), reason)
        return
    reason = "the threshold is chosen on the held-out images instead"
    if len(totals) > 2:
        reason = "rare classes are shown more often instead"
        if share == 0:
            reason = "no class is rare"
    yield Choice("class_weights", (), reason)


def _course(config: FitConfig) -> Iterable[Choice]:
    if config.steps is None:
        reason = "validations take a fifth at most; the last comes after it"
        yield Choice("minutes", DEFAULT_MINUTES, reason)
    batch_norm = config.batch_norm
    if batch_norm is None:
        batch_norm = DEFAULTS[config.variant]["batch_norm"]
    rate, kind = (2e-3, "with") if batch_norm else (2e-4, "without")
    reason = f"{kind} batch normalisation"
    own = objectives.rate_of_path(config.optimizer)
    if own is not None:
        rate, reason = own, "as the optimizer's path sets it"
    yield Choice("learning_rate", rate, reason)
