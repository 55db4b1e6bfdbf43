"""The mean of the weights over the last steps of a training."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines.training.optimizer_state import tensorflow_variable


class WeightAverage(keras.callbacks.Callback):
    """Averages weights and moving statistics over the latest share of all steps.

    The steps of a noisy optimizer circle around a better place: their mean is nearer to
    it (Polyak and Juditsky 1992, doi:10.1137/0330046). After step t the mean moves by
    1 / (1 + share * t) of the way to the weights, so that it remembers about the last
    share * t steps, whatever the length of the training (the polynomial-decay
    averaging of Shamir and Zhang 2013, arXiv:1212.1824, section 4, in other words).

    Args:
        share: of the steps so far, 0 to 1; 0: the mean is the weights of the last step.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share
        self._steps = 0
        self._means: list[tf.Variable] = []

    def weights(self) -> list[np.ndarray]:
        """Returns the means, in the order of `model.get_weights()`."""
        if not self._means:
            return self.model.get_weights()
        return [mean.numpy() for mean in self._means]

    def take(self) -> list[np.ndarray]:
        """Returns what a checkpoint must hold; empty without averaging."""
        return [mean.numpy() for mean in self._means]

    def put_back(self, steps: int, means: list[np.ndarray]) -> None:
        """Goes on from what `take` returned after a number of steps."""
        self._steps = steps
        self._means = [tf.Variable(mean, trainable=False) for mean in means]

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts from the weights as they are."""
        self._weights = [tensorflow_variable(weight) for weight in self.model.weights]
        if self._share and not self._means:
            self.put_back(0, self.model.get_weights())
        # One call for all weights, compiled for those of this training.
        self._update = tf.function(self._move)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the means towards the weights."""
        if self._means:
            self._update(tf.constant(1 / (1 + self._share * self._steps), tf.float32))
            self._steps += 1

    def _move(self, part: tf.Tensor) -> None:
        for mean, weight in zip(self._means, self._weights, strict=True):
            mean.assign_add(tf.cast(part, mean.dtype) * (weight - mean))
