"""Validations between training steps, their history and TensorBoard's log.

The whole training is one Keras epoch over the endless tile stream: images are drawn by
place, so a pass over them marks nothing.
"""

import csv
import io
import logging
import math
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines import run_folder, scores
from pipelines.images.writing import write_bytes_atomically
from pipelines.report.pictures import comparison
from pipelines.training.budget import Budget
from pipelines.training.disk import written
from pipelines.validation import Validation

logger = logging.getLogger(__name__)

# Of a budget of minutes, after a validation: times its own duration. Those of many or
# large images would leave no time to train.
LEAST_TRAINING = 4.0

COLUMNS = (
    "step",
    "minutes",
    "learning_rate",
    "loss",
    "val_loss",
    "val_mean_iou",
    "val_pixel_error",
)


class Validator(keras.callbacks.Callback):
    """Validates at even shares of the budget, logs, and reports each new best.

    In a budget of minutes a validation that takes long is followed by a longer time of
    training, so fewer are made.

    Args:
        budget: what is used so far; must come before this callback.
        validations: how many over the whole budget; the last is at its end.
        validate: scores the net as it is.
        on_best: called when the validation loss is the lowest so far.
        run_dir: for history.csv and logs/.

    Attributes:
        history: a row for each validation.
        best: the best validation of this process; None if it is of an earlier one.
        best_loss: the lowest validation loss; infinite before the first.
        done_at: step of the last validation of this process.
    """

    def __init__(
        self,
        budget: Budget,
        validations: int,
        validate: Callable[[], Validation],
        on_best: Callable[[int, Validation], None],
        run_dir: pathlib.Path,
    ) -> None:
        super().__init__()
        self.budget = budget
        self.validations = validations
        self.history: list[dict[str, float]] = []
        self.best: Validation | None = None
        self.best_loss = math.inf
        self.done_at: int | None = None
        self._shares_done = 0
        # Seconds of the budget.
        self._not_before = 0.0
        self._said_that_fewer = False
        self._validate = validate
        self._on_best = on_best
        self._path = run_dir / run_folder.HISTORY
        self._events = run_dir / run_folder.LOGS
        with written(str(self._events)):
            self._writer = tf.summary.create_file_writer(str(self._events))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Validates if it is time."""
        due = math.floor(self.budget.used * self.validations + 1e-9)
        if self.model.stop_training:
            due = self.validations
        # The clock goes on after Budget looked: the last one waits for the stop.
        elif due == self.validations:
            due -= 1
        rests = not self.model.stop_training and self.budget.seconds < self._not_before
        if due > self._shares_done and not rests:
            # Not one more: a slow step of a time budget may span several shares.
            self._shares_done = due
            start = self.budget.seconds
            self._run(self.budget.mean_loss)
            self._rest_after(self.budget.seconds - start)
            self.budget.forget_losses()
            self.done_at = self.budget.step

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the log."""
        self._writer.close()

    @property
    def finished(self) -> bool:
        """The last validation is done."""
        return self._shares_done >= self.validations

    def progress(self) -> dict[str, Any]:
        """Returns what was validated; what `go_on` takes."""
        return {
            "shares_done": self._shares_done,
            "history": self.history,
            "best_loss": self.best_loss,
        }

    def go_on(self, progress: dict[str, Any]) -> None:
        """Goes on after the validations of an interrupted training."""
        self._shares_done = progress["shares_done"]
        self.history = list(progress["history"])
        self.best_loss = progress["best_loss"]
        if self.history:
            # Rows of validations after the checkpoint are to be made again.
            self._write_history()

    def _rest_after(self, seconds: float) -> None:
        """Lets training go on for some time after a validation that took `seconds`."""
        # With a number of steps every run is to have the same validations.
        if self.budget.total_seconds is None:
            return
        self._not_before = self.budget.seconds + LEAST_TRAINING * seconds
        every = self.budget.total_seconds / self.validations
        is_slow = (1 + LEAST_TRAINING) * seconds > every
        if is_slow and not self._said_that_fewer and not self.model.stop_training:
            self._said_that_fewer = True
            logger.warning(
                "A validation takes %.0f seconds, so fewer than %d are made. Hold out "
                "fewer images, or give more minutes.",
                seconds,
                self.validations,
            )

    def _run(self, loss: float) -> None:
        result = self._validate()
        row = {
            "step": self.budget.step,
            "minutes": round(self.budget.seconds / 60, 3),
            "learning_rate": self.budget.learning_rate,
            "loss": loss,
            "val_loss": result.loss,
            "val_mean_iou": scores.mean_iou(result.confusion),
            "val_pixel_error": scores.pixel_error(result.confusion),
        }
        self.history.append(row)
        self._log(row, result)
        # Not a number is never the best, not even as the first.
        if result.loss < self.best_loss:
            self.best, self.best_loss = result, result.loss
            self._on_best(self.budget.step, result)

    def _write_history(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        with written(str(self._path)):
            write_bytes_atomically(self._path, text.getvalue().encode())

    def _log(self, row: dict[str, float], result: Validation) -> None:
        self._write_history()
        step = int(row["step"])
        with written(str(self._events)), self._writer.as_default():
            for name in COLUMNS[2:]:
                tf.summary.scalar(name, row[name], step)
            for picture in result.pictures:
                image = comparison(picture, len(result.confusion))
                tf.summary.image(picture.name, image[np.newaxis], step)
            self._writer.flush()
