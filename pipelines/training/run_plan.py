"""What a run will do: its settings with every open one decided, and its data."""

import dataclasses
import pathlib
from typing import Any, cast

from keras_unet import geometry
from keras_unet.unet import DEFAULTS
from pipelines import tiles
from pipelines.config import DEFAULT_MINUTES, FitConfig, Precision
from pipelines.dataset import Dataset, load_dataset, split, warn_of_leaks
from pipelines.images import ArrayCache
from pipelines.training import objectives, precision

# Beside the run folders that share it; may be removed at any time.
CACHE = ".keras-unet-cache"
PADDED_TILE_SIZE = 256
PAPER_TILE_SIZE = 572


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

    def settled(self, config: FitConfig) -> FitConfig:
        """Returns the settings with those that were left open as they were decided.

        Kept with the run: what a default was may change.
        """
        return dataclasses.replace(
            config,
            num_classes=self.network["num_classes"],
            batch_norm=self.network["batch_norm"],
            dropout=self.network["dropout"],
            tile_size=self.tile_shape.image_size,
            batch_size=self.batch_size,
            minutes=self.minutes,
            learning_rate=self.learning_rate,
            precision=self.precision,
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
    training_set, validation_set = _load(config)
    warn_of_leaks(training_set, validation_set)
    network = _network_arguments(config, training_set)
    by_default = None if config.steps or config.minutes else DEFAULT_MINUTES
    loss = objectives.make_loss(config, network["num_classes"])
    if (
        config.weight_map != "none"
        or config.class_weights
        or config.ignore_value is not None
    ):
        path = config.loss or "the default"
        objectives.check_weighted(loss, path, network["num_classes"])
    return RunPlan(
        training_set=training_set,
        validation_set=validation_set,
        network=network,
        tile_shape=tiles.tile_shape(_tile_size(config), config.depth, config.variant),
        batch_size=_batch_size(config),
        steps=config.steps,
        minutes=config.minutes or by_default,
        learning_rate=_learning_rate(config, network["batch_norm"]),
        precision=cast(Precision, precision.resolve(config.precision)),
        loss=loss,
    )


def decoded_images(config: FitConfig) -> ArrayCache | None:
    """Returns the cache of decoded images beside the run; None if it is switched off.

    Runs of one folder share it. Nothing is written before an array is.
    """
    if config.cache_gigabytes == 0:
        return None
    folder = pathlib.Path(config.run_dir).parent / CACHE
    return ArrayCache(folder, int(config.cache_gigabytes * 1e9))


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


def _tile_size(config: FitConfig) -> int:
    if config.tile_size is not None:
        return config.tile_size
    size = PADDED_TILE_SIZE if config.variant == "padded" else PAPER_TILE_SIZE
    return geometry.nearest_input_sizes(size, config.depth, config.variant)[-1]


def _batch_size(config: FitConfig) -> int:
    if config.batch_size is not None:
        return config.batch_size
    return 8 if config.variant == "padded" else 1


def _learning_rate(config: FitConfig, batch_norm: bool) -> float:
    if config.learning_rate is not None:
        return config.learning_rate
    return 2e-3 if batch_norm else 2e-4
