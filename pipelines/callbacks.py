"""What happens beside the training steps: budget, schedule, validation, log, progress.

The whole training is one Keras epoch over the endless tile stream: images are drawn by
place, so a pass over them marks nothing.
"""

import csv
import logging
import math
import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tqdm

from pipelines import scores
from pipelines.pictures import comparison
from pipelines.validation import Validation

logger = logging.getLogger(__name__)

DECAY_POWER = 0.9
COLUMNS = (
    "step",
    "minutes",
    "learning_rate",
    "loss",
    "val_loss",
    "val_mean_iou",
    "val_pixel_error",
)


class Budget(keras.callbacks.Callback):
    """Ends training after steps or minutes and lowers the learning rate towards then.

    The rate falls as (1 - share of the budget used) ** 0.9, the "poly" schedule of
    DeepLab (Chen et al. 2016, arXiv:1606.00915, section 4.1.1).

    Args:
        learning_rate: at the start.
        steps: how many, or None.
        minutes: how long, or None; the clock starts with the first step and goes on
            during validation.
    """

    def __init__(
        self, learning_rate: float, steps: int | None, minutes: float | None
    ) -> None:
        super().__init__()
        self.initial_learning_rate = learning_rate
        self.total_steps = steps
        self.total_seconds = None if minutes is None else minutes * 60
        self.step = 0
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._start

    @property
    def used(self) -> float:
        """Share of the budget used, 0 to 1."""
        if self.total_seconds is not None:
            return min(1.0, self.seconds / self.total_seconds)
        return min(1.0, self.step / (self.total_steps or 1))

    @property
    def learning_rate(self) -> float:
        """What the schedule says now."""
        # A step that begins at the very end still learns a little.
        return self.initial_learning_rate * max(1e-3, 1 - self.used) ** DECAY_POWER

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self._start = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the learning rate."""
        self.model.optimizer.learning_rate = self.learning_rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts, and stops a diverged or finished training."""
        self.step += 1
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise ValueError(
                f"The loss is {loss} after {self.step} steps: training diverged. "
                f"Lower learning_rate (now {self.initial_learning_rate:g})."
            )
        if self.used >= 1:
            self.model.stop_training = True


class Validator(keras.callbacks.Callback):
    """Validates at even shares of the budget, logs, and reports each new best.

    Args:
        budget: what is used so far; must come before this callback.
        validations: how many over the whole budget; the last is at its end.
        validate: scores the net as it is.
        on_best: called when the validation loss is the lowest so far.
        run_dir: for history.csv and logs/.
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
        self._shares_done = 0
        self._validate = validate
        self._on_best = on_best
        self._path = run_dir / "history.csv"
        self._writer = tf.summary.create_file_writer(str(run_dir / "logs"))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Validates if it is time."""
        due = math.floor(self.budget.used * self.validations + 1e-9)
        if self.model.stop_training:
            due = self.validations
        # The clock goes on after Budget looked: the last one waits for the stop.
        elif due == self.validations:
            due -= 1
        if due > self._shares_done:
            # Not one more: a slow step of a time budget may span several shares.
            self._shares_done = due
            self._run(float((logs or {})["loss"]))
            # The loss in the log is the mean since it was reset.
            self.model.reset_metrics()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the log."""
        self._writer.close()

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
        lowest = math.inf if self.best is None else self.best.loss
        if result.loss < lowest:
            self.best = result
            self._on_best(self.budget.step, result)

    def _log(self, row: dict[str, float], result: Validation) -> None:
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.history)
        step = int(row["step"])
        with self._writer.as_default():
            for name in COLUMNS[2:]:
                tf.summary.scalar(name, row[name], step)
            for picture in result.pictures:
                image = comparison(picture, len(result.confusion))
                tf.summary.image(picture.name, image[np.newaxis], step)
        self._writer.flush()


class Progress(keras.callbacks.Callback):
    """A progress bar over the budget; off a terminal a line for each validation."""

    def __init__(self, budget: Budget, validator: Validator) -> None:
        super().__init__()
        self._budget = budget
        self._validator = validator
        self._logged = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Shows the bar."""
        timed = self._budget.total_seconds is not None
        self._bar = tqdm.tqdm(
            total=round(self._budget.total_seconds or self._budget.total_steps or 0),
            desc="Training",
            unit="s" if timed else "step",
            disable=None,
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        total = self._bar.total or 0
        self._bar.update(math.floor(self._budget.used * total) - self._bar.n)
        if self._bar.disable:
            self._log_validation()
        shown = {"step": self._budget.step, "loss": f"{(logs or {})['loss']:.4f}"}
        if self._validator.history:
            last = self._validator.history[-1]
            shown["val_loss"] = f"{last['val_loss']:.4f}"
            shown["val_iou"] = f"{last['val_mean_iou']:.4f}"
        self._bar.set_postfix(shown)

    def on_train_end(self, logs: Any = None) -> None:
        """Leaves the bar as it is."""
        self._bar.close()

    def _log_validation(self) -> None:
        rows = self._validator.history
        if len(rows) > self._logged:
            self._logged = len(rows)
            logger.info(
                "%3.0f %%, step %d, %.1f minutes: loss %.4f, validation loss %.4f, "
                "mean IoU %.4f",
                100 * self._budget.used,
                *(rows[-1][name] for name in ("step", "minutes", "loss")),
                *(rows[-1][name] for name in ("val_loss", "val_mean_iou")),
            )
