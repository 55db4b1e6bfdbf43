"""The budget of a training, steps or minutes, and the learning rate that follows."""

import math
import time
from typing import Any

import keras


class Diverged(ValueError):
    """The loss is no number any more; going on would come to the same."""


class Budget(keras.callbacks.Callback):
    """Ends training after steps or minutes and lowers the learning rate towards then.

    The rate falls as (1 - share of the budget used) ** decay, the "poly" schedule of
    DeepLab (Chen et al. 2016, arXiv:1606.00915, section 4.1.1).

    Args:
        learning_rate: at the start.
        steps: how many, or None.
        minutes: how long, or None; the clock starts with the first step and goes on
            during validations.
        decay: power of the fall; 0: the rate stays.
    """

    def __init__(
        self,
        learning_rate: float,
        steps: int | None,
        minutes: float | None,
        *,
        decay: float = 0.9,
    ) -> None:
        super().__init__()
        self.initial_learning_rate = learning_rate
        self._decay = decay
        self.total_steps = steps
        self.total_seconds = None if minutes is None else minutes * 60
        self.step = 0
        self._start: float | None = None
        self._seconds_before = 0.0
        # Of the steps since the last validation.
        self._loss_sum, self._loss_count = 0.0, 0

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        since = 0.0 if self._start is None else time.monotonic() - self._start
        return self._seconds_before + since

    @property
    def mean_loss(self) -> float:
        """Mean of the loss over the steps since the last `forget_losses`."""
        return self._loss_sum / max(1, self._loss_count)

    def forget_losses(self) -> None:
        """Begins a new mean."""
        self._loss_sum, self._loss_count = 0.0, 0

    def progress(self) -> dict[str, float]:
        """Returns where the training is; what `go_on` takes."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "loss_sum": self._loss_sum,
            "loss_count": self._loss_count,
        }

    def go_on(self, progress: dict[str, float]) -> None:
        """Counts on from where an interrupted training was."""
        self.step = int(progress["step"])
        self._seconds_before = progress["seconds"]
        self._loss_sum = progress["loss_sum"]
        self._loss_count = int(progress["loss_count"])

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
        return self.initial_learning_rate * max(1e-3, 1 - self.used) ** self._decay

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self._start = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the learning rate."""
        self.model.optimizer.learning_rate = self.learning_rate
        # Keras's mean would begin anew when a training goes on; so its log is kept to
        # the loss of one step, and the mean is ours.
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts, and stops a diverged or finished training."""
        self.step += 1
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise Diverged(
                f"The loss is {loss} after {self.step} steps: training diverged. "
                f"Lower learning_rate (now {self.initial_learning_rate:g})."
            )
        self._loss_sum += loss
        self._loss_count += 1
        if self.used >= 1:
            self.model.stop_training = True
