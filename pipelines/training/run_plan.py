"""What a run will do: its settings with every open one decided, and its data."""

import dataclasses
import pathlib
from typing import Any, TypeVar

from keras_unet.unet import DEFAULTS
from pipelines import tiles
from pipelines.config import FitConfig, Precision
from pipelines.dataset import Dataset, load_dataset, split, warn_of_leaks
from pipelines.images import ArrayCache
from pipelines.images.cache import cache_of_gigabytes
from pipelines.training import choices, devices, objectives
from pipelines.training.choices import Choice

# Beside the run folders that share it; may be removed at any time.
CACHE = ".keras-unet-cache"

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What `fit` is about to do.

    Attributes:
        training_set: checked pairs.
        validation_set: checked pairs, held out.
        network: the arguments of `keras_unet.build_unet`.
        tile_shape: sizes of the training tiles.
        batch_size: tiles of a step.
        steps: how many, or None.
        minutes: how long, or None.
        learning_rate: at the start, unless the optimizer's path sets another.
        precision: "float32", "bfloat16" or "float16"; never "auto".
        loss: on (mask, logits).
        choices: the settings that were left open, with reasons.
    """

    training_set: Dataset
    validation_set: Dataset
    network: dict[str, Any]
    tile_shape: tiles.TileShape
    batch_size: int
    steps: int | None
    minutes: float | None
    learning_rate: float
    precision: Precision
    loss: Any
    choices: tuple[Choice, ...] = ()

    def settled(self, config: FitConfig) -> FitConfig:
        """Returns the settings with those that were left open as they were decided.

        Kept with the run: what a default was may change.
        """
        return dataclasses.replace(
            choices.chosen(config, self.choices),
            num_classes=self.network["num_classes"],
            batch_norm=self.network["batch_norm"],
            dropout=self.network["dropout"],
        )

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
    _check_parts(training_set, validation_set)
    warn_of_leaks(training_set, validation_set)
    made = tuple(choices.choose(config, training_set))
    config = choices.chosen(config, made)
    network = _network_arguments(config, training_set)
    loss = objectives.make_loss(config, network["num_classes"])
    if (
        config.weight_map != "none"
        or config.class_weights
        or config.ignore_value is not None
    ):
        objectives.check_weighted(loss, config.loss, network["num_classes"])
    return RunPlan(
        training_set=training_set,
        validation_set=validation_set,
        network=network,
        tile_shape=tiles.tile_shape(
            _decided(config.tile_size), _decided(config.depth), config.variant
        ),
        batch_size=_decided(config.batch_size),
        steps=config.steps,
        minutes=config.minutes,
        learning_rate=_decided(config.learning_rate),
        precision=config.precision,
        loss=loss,
        choices=made,
    )


def decoded_images(config: FitConfig) -> ArrayCache | None:
    """Returns the cache of decoded images beside the run; None if it is switched off.

    Runs of one folder share it. Nothing is written before an array is.
    """
    folder = pathlib.Path(config.run_dir).parent / CACHE
    return cache_of_gigabytes(folder, config.cache_gigabytes)


def _decided(value: Value | None) -> Value:
    """Returns a setting that `choices` has decided if it was open."""
    if value is None:
        raise RuntimeError("a setting was left open")
    return value


def _load(config: FitConfig) -> tuple[Dataset, Dataset]:
    dataset = load_dataset(config)
    if len(dataset.classes_found) < 2:
        raise ValueError(
            f"{config.masks}: all mask pixels have one value; there is nothing to "
            "learn. Name masks that mark the objects."
        )
    if config.validation_images is None or config.validation_masks is None:
        return split(dataset, config.validation_stems)
    held_out = load_dataset(
        dataclasses.replace(config, mask_kind=dataset.coding.kind),
        images=config.validation_images,
        masks=config.validation_masks,
        known=dataset.coding,
    )
    if held_out.channels != dataset.channels:
        raise ValueError(
            f"{config.validation_images}: {held_out.channels} channels, but the "
            f"training images have {dataset.channels}. Use images of one kind."
        )
    if held_out.coding.num_classes > dataset.coding.num_classes:
        raise ValueError(
            f"{config.validation_masks}: {held_out.coding.num_classes} classes, but "
            f"the training masks have {dataset.coding.num_classes}. Train on all."
        )
    return dataset, held_out


def _check_settings(config: FitConfig) -> None:
    """Finds what is wrong whatever the data are, before hours of reading them."""
    objectives.check_paths(config)
    if config.devices > 1:
        devices.check_devices(config.devices, config.batch_size)
    if config.tile_size is not None and config.depth is not None:
        tiles.tile_shape(config.tile_size, config.depth, config.variant)


def _check_parts(training_set: Dataset, held_out: Dataset) -> None:
    """Raises ValueError where there is nothing to learn, or nothing to validate on."""
    if len(training_set.classes_found) < 2:
        raise ValueError(
            f"{training_set.pairs[0].mask.name}: of the {len(training_set.pairs)} "
            "masks to train on all pixels are of one class; there is nothing to "
            "learn. Add masks that mark objects, or hold out other images."
        )
    if not held_out.classes_found:
        raise ValueError(
            f"{held_out.pairs[0].mask.name}: of the {len(held_out.pairs)} masks that "
            "are held out all pixels are ignored; there is nothing to validate on. "
            "Hold out other images."
        )


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
