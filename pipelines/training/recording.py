"""The best model of a training and what is known of it, kept in the run folder."""

import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

import keras_unet
from pipelines import report, run_folder, scores
from pipelines.inference import policy
from pipelines.overlap_tile import Net
from pipelines.scores.image_scores import extremes
from pipelines.tiles.pixel_weights import class_table
from pipelines.training import checkpoint
from pipelines.training.run_plan import RunPlan
from pipelines.training.validator import Validator
from pipelines.training.write_failures import written
from pipelines.validation import (
    Parts,
    Validation,
    own_threshold_of_objects,
    pictures_of,
    validate,
)

logger = logging.getLogger(__name__)

NUM_PICTURES = 4
# Pixels of a side; larger held-out images are validated in parts.
LARGEST_PART = 2048
# Of the worst held-out images in the report, and of the best.
NUM_EXTREMES = 2


class Recorder:
    """Validates, and keeps the best model with its record.

    Each best model is first a file of its own in checkpoint/, so that an older
    checkpoint finds the one that belongs to it.

    Args:
        plan: of the run, whose folder is there.
    """

    def __init__(self, plan: RunPlan) -> None:
        self.path = plan.path
        self._plan = plan
        # Validated, saved and served in float32: the same numbers on every machine,
        # and nothing that a machine without bfloat16 instructions computes slowly.
        with policy("float32"):
            self._model = keras_unet.build_unet(**plan.network)
        self._net = Net(self._model)
        self._parts = Parts(LARGEST_PART, plan.image_cache())
        self._class_weights = class_table(
            plan.training_set, plan.validation_set, plan.config
        )
        self.record = run_folder.RunRecord(
            settings=dataclasses.asdict(plan.config),
            network=plan.network,
            classes=plan.class_names,
            mask_coding=plan.training_set.coding,
            scaling=plan.training_set.scaling,
            threshold=None,
            precision={"training": plan.config.precision, "model": "float32"},
            data={
                "training": plan.training_set.describe(),
                "validation": plan.validation_set.describe(),
            },
            best={},
            versions=run_folder.versions(),
            choices=plan.choices,
        )

    def validate(self, weights: Sequence[np.ndarray]) -> Validation:
        """Scores the net with these weights on the held-out images."""
        self._model.set_weights(weights)
        return self._validation(self._plan.loss, threshold=None)

    def save_best(self, step: int, result: Validation) -> None:
        """Writes the model last validated, with its record.

        Raises:
            ValueError: the disk is full or cannot be written to.
        """
        best = {
            "by": "validation loss",
            "step": step,
            "val_loss": result.loss,
            "val_mean_iou": scores.mean_iou(result.confusion),
            "val_pixel_error": scores.pixel_error(result.confusion),
        }
        record = dataclasses.replace(self.record, threshold=result.threshold, best=best)
        model = self._model_of(step)
        with written(f"{self.path}: the best model, of step {step},"):
            run_folder.save_model(model, self._model)
            run_folder.publish(self.path, model, record)
        # Not before it is there: what is left of a run that ends now is told by it.
        self.record = record

    def progress(self) -> dict[str, Any]:
        """Returns what is known of the best model; what `go_on` takes."""
        return {"threshold": self.record.threshold, "best": self.record.best}

    def conclude(self, validator: Validator) -> None:
        """Chooses the threshold of objects and writes the report, of the best model.

        Raises:
            ValueError: the disk is full or cannot be written to.
        """
        # That last validated may be another.
        self._model.set_weights(run_folder.load_model(self.path).get_weights())
        self._choose_object_threshold()
        self._write_report(validator)

    def _choose_object_threshold(self) -> None:
        """Chooses the threshold of objects, and writes it down if it is another."""
        own = own_threshold_of_objects(
            self._net,
            self._plan.validation_set,
            self.record.smallest_object,
            self.record.threshold,
            parts=self._parts,
        )
        if own is None:
            return
        self.record = dataclasses.replace(self.record, object_threshold=own)
        with written(f"{self.path}: the best model, of step {self._best_step},"):
            run_folder.publish(self.path, self._best_model(), self.record)

    def go_on(self, progress: dict[str, Any]) -> None:
        """Takes up the best model of a checkpoint.

        A kill may have left a later one, whose step is to be done again.
        """
        self.record = dataclasses.replace(self.record, **progress)
        if self.record.best:
            run_folder.publish(self.path, self._best_model(), self.record)
        else:
            forget(self.path)

    def tidy(self) -> None:
        """Removes the best models that no checkpoint needs any more."""
        kept = self._best_model() if self.record.best else None
        for other in (self.path / run_folder.CHECKPOINT).glob("*.keras"):
            if other != kept:
                other.unlink()

    def give_up(self, *, can_go_on: bool = True, was_stopped: bool = False) -> None:
        """Says what is left of a training that was stopped or failed.

        Args:
            can_go_on: going on could succeed.
            was_stopped: by Ctrl-C or SIGTERM, not by a failure.
        """
        folder = self.path / run_folder.CHECKPOINT
        if checkpoint.exists(folder) or self.record.best:
            step = self.record.best.get("step")
            best = "no model yet" if step is None else f"the best model, of step {step}"
            more = "Go on with --resume." if can_go_on else "It cannot go on."
            logger.info("%s holds %s. %s", self.path, best, more)
        elif was_stopped:
            logger.info(
                "%s holds no checkpoint yet. Go on with --resume, which starts at "
                "step 0.",
                self.path,
            )
        else:
            shutil.rmtree(self.path)
            logger.info("No model was saved; %s is removed.", self.path)

    def _write_report(self, validator: Validator) -> None:
        """Writes report.html, with the best and the worst of the held-out images."""
        held_out, threshold = self._plan.validation_set, self.record.threshold
        # The best may have been validated before the run was interrupted.
        found = validator.best or self._validation(None, threshold)
        notes = extremes(found.images, NUM_EXTREMES)
        pictures = list(pictures_of(self._net, held_out, notes, threshold, self._parts))
        path = self.path / run_folder.REPORT
        with written(str(path)):
            report.write_report(
                path,
                title=f"Run {self.path.name}",
                record=self.record,
                history=validator.history,
                pictures=pictures,
                validation=found,
            )

    def _validation(self, loss: Any, threshold: float | None) -> Validation:
        return validate(
            self._net,
            self._plan.validation_set,
            loss=loss,
            threshold=threshold,
            num_pictures=NUM_PICTURES,
            parts=self._parts,
            separate_objects=self._plan.config.separate_objects,
            class_weights=self._class_weights,
        )

    @property
    def _best_step(self) -> int:
        return int(self.record.best["step"])

    def _best_model(self) -> pathlib.Path:
        return self._model_of(self._best_step)

    def _model_of(self, step: int) -> pathlib.Path:
        return self.path / run_folder.CHECKPOINT / f"best_{step:09}.keras"


def forget(path: pathlib.Path) -> None:
    """Removes model, record and history of steps that are to be done again."""
    for name in (run_folder.MODEL, run_folder.RECORD, run_folder.HISTORY):
        if os.path.lexists(path / name):
            os.unlink(path / name)
