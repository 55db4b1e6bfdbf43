"""Writes checkpoints beside the training steps, and goes on from one."""

import pathlib
import time
from typing import Any

import keras

from pipelines.training import checkpoint, training_state
from pipelines.training.averaging import WeightAverage
from pipelines.training.budget import Budget
from pipelines.training.checkpoint import Checkpoint
from pipelines.training.recording import Recorder
from pipelines.training.stopping import StopSignal
from pipelines.training.validator import Validator

AVERAGE = "average"


class Checkpointer(keras.callbacks.Callback):
    """Writes a checkpoint after validations, every few minutes, and before a stop.

    Must be the last callback: what it writes is the state after a whole step.

    Args:
        folder: of the checkpoints.
        minutes: between two; 0 for one after every step.
        budget: of the training.
        average: of the weights.
        validator: of the training.
        recorder: of the training.
        stop: waits for the checkpoint of the step.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        minutes: float,
        budget: Budget,
        average: WeightAverage,
        validator: Validator,
        recorder: Recorder,
        stop: StopSignal,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._seconds = minutes * 60
        self._parts: dict[str, Any] = {
            "budget": budget,
            "validator": validator,
            "recorder": recorder,
        }
        self._budget, self._validator, self._recorder = budget, validator, recorder
        self._average, self._stop = average, stop
        self._last = time.monotonic()

    def go_on(self, model: keras.Model, found: Checkpoint) -> None:
        """Puts the state of a checkpoint back into the model and all parts.

        Raises:
            ValueError: it is of another network or optimizer.
        """
        training_state.put_back(model, found.arrays)
        self._average.put_back(found.step, found.arrays.get(AVERAGE, []))
        for name, part in self._parts.items():
            part.go_on(found.progress[name])

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Writes a checkpoint if it is time, or the training is to stop."""
        passed = time.monotonic() - self._last
        validated = self._validator.done_at == self._budget.step
        if validated or passed >= self._seconds or self._stop.received:
            self._write()
            self._last = time.monotonic()
            self._stop.deliver()

    def _write(self) -> None:
        progress = {name: part.progress() for name, part in self._parts.items()}
        arrays = training_state.take(self.model) | {AVERAGE: self._average.take()}
        checkpoint.write(self._folder, Checkpoint(self._budget.step, progress, arrays))
        self._recorder.tidy()
