"""How far a training is: a bar on a terminal, lines elsewhere."""

import logging
import math
from typing import Any

import keras
import tqdm

from pipelines.training.budget import Budget
from pipelines.training.validator import Validator

logger = logging.getLogger(__name__)

# Columns of the history, as the line of a validation names them.
LOGGED = ("step", "minutes", "loss", "val_loss", "val_mean_iou")


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
        total = round(self._budget.total_seconds or self._budget.total_steps or 0)
        self._logged = len(self._validator.history)
        self._bar = tqdm.tqdm(
            total=total,
            initial=math.floor(self._budget.used * total),
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
        loss = logs["loss"]
        shown = {"step": self._budget.step, "loss": f"{loss:.4f}"}
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
            self._logged, row = len(rows), rows[-1]
            logger.info(
                "%3.0f %%, step %d, %.1f minutes: loss %.4f, validation loss %.4f, "
                "mean IoU %.4f",
                100 * self._budget.used,
                *(row[name] for name in LOGGED),
            )
