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
from pipelines.report.pictures import comparison
from pipelines.results.writing import write_bytes_atomically
from pipelines.training.budget import Budget
from pipelines.training.write_failures import written
from pipelines.validation import Validation

logger = logging.getLogger(__name__)

# Of the time so far, that validations may take in a budget of minutes: those of many or
# large images would leave none to train.
LARGEST_SHARE = 0.2

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

    In a budget of minutes all but the last may take a fifth of the time so far, and
    each must end before the budget does: one that takes longer waits, at most for the
    end.

    Args:
        budget: what is used so far; must come before this callback.
        validations: how many over the whole budget; the last is at its end.
        validate: scores the net as it is.
        on_best: called when the validation loss is the lowest so far.
        run_dir: for history.csv and logs/.
        steps_of_one: training steps that see as many pixels as a validation. They take
            longer, so before the first their time stands for that of a validation.

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
        steps_of_one: float = 0.0,
    ) -> None:
        super().__init__()
        self.budget = budget
        self.validations = validations
        self.history: list[dict[str, float]] = []
        self.best: Validation | None = None
        self.best_loss = math.inf
        self.done_at: int | None = None
        self._shares_done = 0
        # Seconds: of all, and of the longest.
        self._spent, self._longest = 0.0, 0.0
        self._steps_of_one = steps_of_one
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
        if due > self._shares_done and (self.model.stop_training or self._fits()):
            # Not one more: a slow step of a time budget may span several shares.
            self._shares_done = due
            start = self.budget.seconds
            self._run(self.budget.mean_loss)
            seconds = self.budget.seconds - start
            self._spent += seconds
            self._longest = max(self._longest, seconds)
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
            "seconds": [self._spent, self._longest],
        }

    def go_on(self, progress: dict[str, Any]) -> None:
        """Goes on after the validations of an interrupted training."""
        self._shares_done = progress["shares_done"]
        self.history = list(progress["history"])
        self.best_loss = progress["best_loss"]
        # Checkpoints of older versions have none.
        self._spent, self._longest = progress.get("seconds", (0.0, 0.0))
        if self.history:
            # Rows of validations after the checkpoint are to be made again.
            self._write_history()

    def _fits(self) -> bool:
        """Tells whether there is time for a validation before the end."""
        # With a number of steps every run is to have the same validations.
        if self.budget.total_seconds is None:
            return True
        so_far = self.budget.seconds
        expected = self._longest
        if not self.history:
            expected = self._steps_of_one * so_far / self.budget.step
        then = so_far + expected
        fits = self._spent + expected <= LARGEST_SHARE * then
        fits = fits and then < self.budget.total_seconds
        # A guess after a few steps, the first of which are slow, is not told.
        is_sure = bool(self.history) or self.budget.used > 0.5
        if not fits and is_sure and not self._said_that_fewer:
            self._said_that_fewer = True
            logger.warning(
                "A validation takes up to %.0f seconds, so some of the %d wait or are "
                "left out; the last is made at the end. Hold out fewer images, or give "
                "more minutes.",
                expected,
                self.validations,
            )
        return fits

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
