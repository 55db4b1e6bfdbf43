"""What `fit` decides for settings that are left open, and why."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from pipelines.config import DEFAULT_MINUTES, FitConfig
from pipelines.config.choice import Choice
from pipelines.config.fields import value_in_words
from pipelines.dataset import Dataset
from pipelines.dataset.mask_values import RARE_SHARE
from pipelines.dataset.object_sizes import UNKNOWN, object_sizes
from pipelines.tiles.class_pixels import labelling_in_words
from pipelines.tiles.places import default_rare_share
from pipelines.training import precision
from pipelines.training.learning_rate import learning_rate
from pipelines.training.tile_choices import tile_choices

# build_unet's 64 takes 16 times as long a step as 16.
FILTERS, MORE_FILTERS = 16, 32
# From so many minutes on, more filters have the time that they need.
MINUTES_FOR_MORE_FILTERS = 120


def choose(config: FitConfig, dataset: Dataset) -> list[Choice]:
    """Decides the settings that are left open.

    Args:
        config: as given; settings that have a value keep it.
        dataset: the training images.
    """
    left_open = config.left_open()
    # Looking at objects takes time.
    sizes = UNKNOWN
    if left_open & {"depth", "tile_size", "smallest_object"}:
        sizes = object_sizes(dataset)
    deep, *tiles = tile_choices(config, dataset, sizes.reach)
    choices = [deep, *by_machine(config), *tiles]
    choices += _weights(config, dataset)
    choices += _course(config)
    choices.append(Choice("smallest_object", sizes.smallest, sizes.in_words))
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


def _weights(config: FitConfig, dataset: Dataset) -> Iterable[Choice]:
    totals = dataset.class_counts().sum(axis=0)
    present = totals[totals > 0]
    percent = 100 * present.min() / present.sum()
    share = default_rare_share(dataset)
    pixels, labelling = labelling_in_words(dataset)
    said = f"the rarest of {present.size} classes has {percent:.2g} % of the {pixels}"
    more = "any place shows it" if share == 0 else "more tiles are centred on it"
    yield Choice("rare_share", share, f"{said}: {more}{labelling}")
    if config.weight_map != "none":
        reason = "as in the paper, with its weight map"
        yield Choice("class_weights", ("balanced",), reason)
        return
    yield Choice("class_weights", (), _without_weights(config, totals, share))


def _without_weights(config: FitConfig, totals: np.ndarray, share: float) -> str:
    """Says why the classes weigh the same, as the check of the data does.

    Args:
        config: as given.
        totals: pixels of each class.
        share: of tiles that is centred on rarer classes by default.
    """
    reason = "rare classes are shown more often instead"
    if config.rare_share == 0 < share:
        reason = "as rare_share 0 asks for no more of rare classes"
    elif share == 0:
        reason = "no class is rare"
    if totals.size == 2:
        reason = "the threshold is chosen on the held-out images instead"
    if totals[totals > 0].min() < RARE_SHARE * totals.sum():
        reason += "; balanced, if one is still missed"
    return reason


def _course(config: FitConfig) -> Iterable[Choice]:
    if config.steps is None:
        reason = "validations take a fifth at most; the last comes after it"
        yield Choice("minutes", DEFAULT_MINUTES, reason)
    yield learning_rate(config)
