"""fit: from image and mask files to a run folder."""

import dataclasses
import logging
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_unet
from keras_unet import geometry
from pipelines import objectives, precision, report, run_folder, scores, tiles
from pipelines.callbacks import Budget, Progress, Validator
from pipelines.config import DEFAULT_MINUTES, FitConfig
from pipelines.dataset import Dataset, load_dataset, split
from pipelines.overlap_tile import Net
from pipelines.validation import Validation, validate

logger = logging.getLogger(__name__)

PADDED_TILE_SIZE = 256
PAPER_TILE_SIZE = 572
NUM_PICTURES = 4


@dataclasses.dataclass(frozen=True)
class FitResult:
    """What a finished run came to.

    Attributes:
        run_dir: its folder.
        steps: training steps done.
        best: step, validation loss, mean IoU and pixel error of the saved model.
        threshold: on P(foreground); None from three classes on.
    """

    run_dir: str
    steps: int
    best: dict[str, float]
    threshold: float | None

    def __str__(self) -> str:
        """Returns the result in words."""
        chosen = "" if self.threshold is None else f", threshold {self.threshold:g}"
        return (
            f"{self.steps} steps; best at step {self.best['step']}: validation loss "
            f"{self.best['val_loss']:.4f}, mean IoU {self.best['val_mean_iou']:.4f}, "
            f"pixel error {self.best['val_pixel_error']:.4f}{chosen}.\n"
            f"Run: {self.run_dir} (model.keras, config.json, history.csv, report.html)"
        )


def fit(config: FitConfig) -> FitResult:
    """Trains a U-Net on image and mask files and leaves a run folder.

    All data and settings are checked before the folder is made.

    Args:
        config: every setting; see `FitConfig`.

    Raises:
        ValueError: data or settings do not fit (nothing is written), or training
            diverged (the run folder holds the best model so far).
    """
    run_folder.refuse_existing(config.run_dir)
    training_set, validation_set = _load(config)
    network = network_arguments(config, training_set)
    shape = tiles.tile_shape(_tile_size(config), config.depth, config.variant)
    loss = objectives.make_loss(config, network["num_classes"])
    rate = _learning_rate(config, network["batch_norm"])
    computed = precision.resolve(config.precision)
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    with precision.policy(computed):
        optimizer = objectives.make_optimizer(config, rate)
        model = keras_unet.build_unet(**network)
        model.compile(optimizer=optimizer, loss=loss)
    rate = float(np.asarray(model.optimizer.learning_rate))
    minutes = config.minutes if config.steps or config.minutes else DEFAULT_MINUTES
    budget = Budget(rate, config.steps, minutes)
    logger.info(
        "Training on %d images, validating on %d, in %s.",
        len(training_set.pairs),
        len(validation_set.pairs),
        computed,
    )
    run = _Recorder(config, network, computed, training_set, validation_set)
    validator = Validator(
        budget,
        config.validations,
        lambda: run.validate(model, loss),
        run.save_best,
        run.path,
    )
    stream = tiles.tile_stream(
        training_set,
        shape,
        batch_size=_batch_size(config),
        seed=config.seed,
        config=config,
    )
    callbacks = [budget, validator, Progress(budget, validator)]
    # The stream is shuffled by its own numbers; Keras cannot shuffle a Dataset.
    model.fit(stream, callbacks=callbacks, verbose=0, shuffle=False)
    return run.finish(validator)


def network_arguments(config: FitConfig, dataset: Dataset) -> dict[str, Any]:
    """Returns the arguments of `build_unet` for a data set.

    Raises:
        ValueError: the net would have fewer channels than the masks have classes.
    """
    found = dataset.coding.num_classes
    paper = config.variant == "paper"
    num_classes = config.num_classes
    if num_classes is None:
        num_classes = 1 if found == 2 and not paper else found
    if num_classes < found and not (found == 2 and num_classes == 1):
        raise ValueError(
            f"num_classes={num_classes}, but the masks have {found} classes. Leave "
            "num_classes out, or correct the masks."
        )
    return {
        "variant": config.variant,
        "input_shape": (None, None, dataset.channels),
        "num_classes": num_classes,
        "base_filters": config.base_filters,
        "depth": config.depth,
        "batch_norm": not paper if config.batch_norm is None else config.batch_norm,
        "dropout": config.dropout,
        "activation": None,
    }


def _load(config: FitConfig) -> tuple[Dataset, Dataset]:
    dataset = load_dataset(config.images, config.masks, config.mask_kind)
    if len(dataset.classes_found) < 2:
        raise ValueError(
            f"{config.masks}: all mask pixels have one value; there is nothing to "
            "learn. Name masks that mark the objects."
        )
    if config.validation_images is None or config.validation_masks is None:
        return split(dataset, config.validation_stems)
    held_out = load_dataset(
        config.validation_images, config.validation_masks, dataset.coding.kind
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
    return 1e-3 if batch_norm else 2e-4


class _Recorder:
    """Keeps the best model of a training and what is known of it, in the run folder."""

    def __init__(
        self,
        config: FitConfig,
        network: dict[str, Any],
        computed: str,
        training_set: Dataset,
        validation_set: Dataset,
    ) -> None:
        self.path: pathlib.Path = run_folder.create(config.run_dir)
        self._config = config
        self._validation_set = validation_set
        # Validated, saved and served in float32: the same numbers on every machine,
        # and nothing that a machine without bfloat16 instructions computes slowly.
        with precision.policy("float32"):
            self._model = keras_unet.build_unet(**network)
        self._net = Net(self._model)
        self._record = run_folder.RunRecord(
            settings=dataclasses.asdict(config),
            network=network,
            classes=training_set.class_names,
            mask_coding=dataclasses.asdict(training_set.coding),
            scaling="per_image",
            threshold=None,
            precision={"training": computed, "model": "float32"},
            data={
                "training": training_set.describe(),
                "validation": validation_set.describe(),
            },
            best={},
            versions=run_folder.versions(),
        )

    def validate(self, model: keras.Model, loss: Any) -> Validation:
        """Scores the model as it is now on the held-out images."""
        self._model.set_weights(model.get_weights())
        return validate(
            self._net, self._validation_set, loss=loss, num_pictures=NUM_PICTURES
        )

    def save_best(self, step: int, result: Validation) -> None:
        """Writes the model last validated, with its record."""
        self._record = dataclasses.replace(
            self._record,
            threshold=result.threshold,
            best={
                "by": "validation loss",
                "step": step,
                "val_loss": result.loss,
                "val_mean_iou": scores.mean_iou(result.confusion),
                "val_pixel_error": scores.pixel_error(result.confusion),
            },
        )
        run_folder.save_model(self.path, self._model)
        run_folder.save_record(self.path, self._record)

    def finish(self, validator: Validator) -> FitResult:
        """Writes the report."""
        pictures = validator.best.pictures if validator.best else []
        report.write_report(
            self.path / run_folder.REPORT,
            title=f"Run {self.path.name}",
            record=self._record,
            history=validator.history,
            pictures=pictures,
        )
        return FitResult(
            str(self.path),
            validator.budget.step,
            self._record.best,
            self._record.threshold,
        )
