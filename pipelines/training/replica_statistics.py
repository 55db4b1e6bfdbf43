"""The moving statistics of several devices, brought together after each step."""

from typing import Any

import keras
import tensorflow as tf

from pipelines.training.optimizer_state import tensorflow_variable


class ReplicaStatistics(keras.callbacks.Callback):
    """Gives each device the mean of all devices' moving statistics.

    Each has those of its own share of the tiles, and Keras 3 would validate and save
    those of the first. (Keras 2 takes the mean where it reads them.) On one device
    there is nothing to do.
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Finds the statistics."""
        variables = map(tensorflow_variable, self.model.non_trainable_weights)
        self._copies = [
            variable.values
            for variable in variables
            if isinstance(variable, tf.distribute.DistributedValues)
            and variable.dtype.is_floating
            and variable.synchronization != tf.VariableSynchronization.ON_READ
        ]
        # One call for all of them.
        self._share = tf.function(self._take_means)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Takes the means."""
        if self._copies:
            self._share()

    def _take_means(self) -> None:
        for copies in self._copies:
            mean = tf.add_n([tf.identity(copy) for copy in copies]) / len(copies)
            for copy in copies:
                copy.assign(mean)
