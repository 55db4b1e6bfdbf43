"""What a run will do: its settings with every open one decided, and its data."""

import dataclasses
import pathlib
from typing import Any, TypeVar

from keras_unet.unet import DEFAULTS
from pipelines import tiles
from pipelines.config import FitConfig
from pipelines.config.choice import Choice
from pipelines.dataset import Dataset, heed, load_dataset, part_findings, split
from pipelines.images import ArrayCache
from pipelines.images.cache import cache_of_gigabytes
from pipelines.tiles.pixel_weights import pixel_weights
from pipelines.training import choices, devices, objectives

# Beside the run folders that share it; may be removed at any time.
CACHE = ".keras-unet-cache"

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What `fit` is about to do.

    Attributes:
        config: every setting, those that were left open as they were decided; kept
            with the run, for what a default was may change.
        training_set: checked pairs.
        validation_set: checked pairs, held out.
        network: the arguments of `keras_unet.build_unet`.
        tile_shape: sizes of the training tiles.
        loss: on (mask, logits).
        choices: the settings that were left open, with reasons.
    """

    config: FitConfig
    training_set: Dataset
    validation_set: Dataset
    network: dict[str, Any]
    tile_shape: tiles.TileShape
    loss: Any
    choices: tuple[Choice, ...] = ()

    @property
    def path(self) -> pathlib.Path:
        """The run folder."""
        return pathlib.Path(self.config.run_dir)

    @property
    def batch_size(self) -> int:
        """Tiles of a step."""
        return _decided(self.config.batch_size)

    @property
    def learning_rate(self) -> float:
        """At the start, unless the optimizer's path sets another."""
        return _decided(self.config.learning_rate)

    @property
    def steps_of_a_validation(self) -> float:
        """Training steps that see as many pixels as the held-out images have."""
        pixels = sum(one.height * one.width for one in self.validation_set.facts)
        return pixels / (self.batch_size * self.tile_shape.mask_size**2)

    def image_cache(self) -> ArrayCache | None:
        """Returns the cache of images beside the run; None if it is switched off.

        Runs of one folder share it. Nothing is written before an array is.
        """
        folder = self.path.parent / CACHE
        return cache_of_gigabytes(folder, self.config.cache_gigabytes)

    def headline(self) -> str:
        """Returns what data the plan is for."""
        sizes = {(facts.height, facts.width) for facts in self.training_set.facts}
        (height, width), *others = sorted(sizes)
        more = f" and {len(others)} other sizes" if others else ""
        return (
            f"Plan for {len(self.training_set.pairs)} training images ({height}x{width}"
            f"{more}) and {len(self.validation_set.pairs)} held out:"
        )

    @property
    def class_names(self) -> list[str]:
        """Names of the classes the net tells apart, in the order of their ids."""
        names = self.training_set.class_names
        # num_classes may leave room for classes that the masks do not have.
        known = range(len(names), self.network["num_classes"])
        return [*names, *(f"class {index}" for index in known)]


def plan_run(config: FitConfig) -> RunPlan:
    """Reads and checks the data, and decides what the settings leave open.

    Raises:
        ValueError: data or settings do not fit; nothing is written.
    """
    _check_settings(config)
    training_set, validation_set = _load(config)
    made = tuple(choices.choose(config, training_set))
    config = choices.chosen(config, made)
    # For its refusals, before there is a folder; the tile stream makes its own.
    pixel_weights(training_set, config)
    network = _network_arguments(config, training_set)
    loss = objectives.make_loss(config, network["num_classes"])
    if (
        config.weight_map != "none"
        or config.class_weights
        or config.ignore_value is not None
    ):
        objectives.check_weighted(loss, config.loss, network["num_classes"])
    return RunPlan(
        config=dataclasses.replace(
            config,
            num_classes=network["num_classes"],
            batch_norm=network["batch_norm"],
            dropout=network["dropout"],
        ),
        training_set=training_set,
        validation_set=validation_set,
        network=network,
        tile_shape=tiles.tile_shape(
            _decided(config.tile_size), _decided(config.depth), config.variant
        ),
        loss=loss,
        choices=made,
    )


def _decided(value: Value | None) -> Value:
    """Returns a setting that `choices` has decided if it was open."""
    if value is None:
        raise RuntimeError("a setting was left open")
    return value


def _load(config: FitConfig) -> tuple[Dataset, Dataset]:
    """Returns the pairs to train on and those to validate on, all of them checked."""
    dataset = load_dataset(config)
    heed(part_findings.of_whole(dataset, config.masks))
    if config.validation_images is None or config.validation_masks is None:
        parts = split(dataset, config.validation_stems)
    else:
        held_out = load_dataset(
            config,
            images=config.validation_images,
            masks=config.validation_masks,
            known=dataset.coding,
        )
        parts = dataset, held_out
    heed(part_findings.of_parts(*parts))
    return parts


def _check_settings(config: FitConfig) -> None:
    """Finds what is wrong whatever the data are, before hours of reading them."""
    objectives.check_paths(config)
    if config.devices > 1:
        devices.check_devices(config.devices, config.batch_size)
    if config.tile_size is not None:
        # What no depth takes is wrong whatever depth is chosen.
        tiles.tile_shape(config.tile_size, config.depth or 1, config.variant)


def _network_arguments(config: FitConfig, dataset: Dataset) -> dict[str, Any]:
    """Returns the arguments of `build_unet` for a data set."""
    found = dataset.coding.num_classes
    chosen = {
        name: default if getattr(config, name) is None else getattr(config, name)
        for name, default in DEFAULTS[config.variant].items()
    }
    if config.num_classes is None and found > 2:
        chosen["num_classes"] = found
    num_classes = chosen["num_classes"]
    if num_classes < found and not (found == 2 and num_classes == 1):
        raise ValueError(
            f"num_classes={num_classes}, but the masks have {found} classes. Leave "
            "num_classes out, or correct the masks."
        )
    return {
        "variant": config.variant,
        "input_shape": (None, None, dataset.channels),
        "base_filters": config.base_filters,
        "depth": config.depth,
        **chosen,
        "activation": None,
    }
