"""The base of the metrics: counts of pixels by true and predicted class."""

import math
import numbers
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_unet.batches import as_float32_batch, as_pixel_weight, check_logits

# As a place: unsorted_segment_sum leaves out what is negative.
_NOWHERE = np.int64(-1)
# How far beyond 0 and 1 rounding may bring a probability.
_ROUNDING = 1e-3


class ConfusionMatrixMetric(keras.metrics.Metric):
    """Base of the metrics: counts pixels by true and predicted class.

    One or two classes are told apart by P(foreground) > threshold, more by argmax.

    Args:
        num_classes: channels of y_pred; 1 means background and foreground, too.
        threshold: on P(foreground), 0 to 1; has no say from three classes on.
        from_logits: takes logits (sigmoid for one class, softmax for more).
        name: name of the metric.
        dtype: of the result.

    Attributes:
        confusion: int64 (classes, classes), pixels by [true class, predicted class].
        num_invalid: int64, pixels whose value was no class id, or predicted with what
            is no probability. XLA leaves out the checks that refuse them; the result is
            NaN then.
        default_name: of the metric; histories and callbacks call it by it.

    Raises:
        ValueError: an argument is out of range.
    """

    default_name = "confusion_matrix"

    def __init__(
        self,
        num_classes: int = 1,
        threshold: float = 0.5,
        from_logits: bool = False,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        # The same in every process; Keras's own default counts the metrics made.
        super().__init__(name=name or self.default_name, dtype=dtype)
        whole = isinstance(num_classes, numbers.Integral)
        if not whole or isinstance(num_classes, bool) or num_classes < 1:
            raise ValueError(
                f"num_classes must be a whole number from 1 on, got {num_classes!r}."
            )
        if not 0 <= threshold <= 1:
            raise ValueError(
                "threshold is on a probability and must be 0 to 1, also with "
                f"from_logits, got {threshold!r}."
            )
        self.num_classes = int(num_classes)
        self.threshold = threshold
        self.from_logits = from_logits
        side = max(2, self.num_classes)
        # int64, for float32 counters stop counting at 2**24: 64 tiles of 512x512.
        self.confusion = self.add_weight(
            name="confusion", shape=(side, side), initializer="zeros", dtype="int64"
        )
        self.num_invalid = self.add_weight(
            name="num_invalid", shape=(), initializer="zeros", dtype="int64"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds the pixels of a batch.

        Args:
            y_true: class ids (batch, height, width, 1).
            y_pred: (batch, height, width, num_classes).
            sample_weight: (batch,), (batch, height, width) or (batch, height, width,
                1). Pixels of weight 0 are left out, whatever their class id; all
                others count once, however large their weight.

        Raises:
            ValueError: the shapes do not fit, or y_pred is the output of a sigmoid or
                softmax of Keras, with from_logits (a `tf.errors.InvalidArgumentError`
                for class ids that are not below the number of classes, and for
                predictions for one or two classes outside 0 to 1 without from_logits).
        """
        if self.from_logits:
            check_logits(y_pred)
        y_true, y_pred = as_float32_batch(y_true, y_pred)
        if y_pred.shape[-1] != self.num_classes:
            raise ValueError(
                f"{self.name} was made for num_classes={self.num_classes}, got y_pred "
                f"{y_pred.shape}; give it the number of channels of the net."
            )
        side = max(2, self.num_classes)
        true_class = tf.cast(y_true[..., 0], tf.int64)
        # Not shares of a class, as a mask has that was interpolated.
        known = tf.equal(tf.cast(true_class, y_true.dtype), y_true[..., 0])
        known &= (true_class >= 0) & (true_class < side)
        probable = self._is_probability(y_pred)
        place = true_class * side + self._predicted_class(y_pred)
        if sample_weight is not None:
            left_out = tf.equal(as_pixel_weight(sample_weight, y_pred), 0)
            place = tf.where(left_out, _NOWHERE, place)
            known, probable = known | left_out, probable | left_out
        valid = known & probable
        checks = self._checks(known, y_true, probable, y_pred)
        with tf.control_dependencies(checks):
            place = tf.reshape(tf.where(valid, place, _NOWHERE), [-1])
        counts = tf.math.unsorted_segment_sum(tf.ones_like(place), place, side * side)
        self.confusion.assign_add(tf.reshape(counts, [side, side]))
        self.num_invalid.assign_add(tf.reduce_sum(tf.cast(~valid, tf.int64)))

    def reset_state(self) -> None:
        """Sets all counts to 0."""
        # Keras 2's own assigns a scalar, which a matrix does not take.
        self.confusion.assign(tf.zeros(self.confusion.shape, tf.int64))
        self.num_invalid.assign(tf.zeros((), tf.int64))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "threshold": self.threshold,
            "from_logits": self.from_logits,
        }

    def unless_invalid(self, value: tf.Tensor) -> tf.Tensor:
        """Returns a result, NaN if there were pixels that are of no class."""
        invalid = tf.convert_to_tensor(self.num_invalid) > 0
        nan = tf.constant(math.nan, value.dtype)
        return tf.cast(tf.where(invalid, nan, value), self.dtype)

    def _is_probability(self, y_pred: tf.Tensor) -> tf.Tensor:
        """Tells of each pixel whether a threshold says something, bool.

        NaN, which a diverged net puts out, is above no threshold: background.
        """
        if self.from_logits or self.num_classes > 2:
            return tf.ones(tf.shape(y_pred)[:3], tf.bool)
        foreground = y_pred[..., -1]
        return ~((foreground < -_ROUNDING) | (foreground > 1 + _ROUNDING))

    def _checks(
        self, known: tf.Tensor, y_true: tf.Tensor, probable: tf.Tensor, y_pred: Any
    ) -> list[Any]:
        """Returns assertions on masks and predictions; empty outside of a graph."""
        side = max(2, self.num_classes)
        ids = (
            f"y_true of {self.name} must be class ids, whole numbers from 0 to "
            f"{side - 1}, where the weight is not 0; map other mask values to ids "
            "first. Got values from"
        )
        probabilities = (
            f"y_pred of {self.name} must be probabilities, 0 to 1; of a model that "
            "ends in logits tell it (from_logits=True). Got values from"
        )
        checks = [
            tf.debugging.Assert(
                tf.reduce_all(valid),
                [words, tf.reduce_min(values), "to", tf.reduce_max(values)],
            )
            for valid, words, values in (
                (known, ids, y_true),
                (probable, probabilities, y_pred),
            )
        ]
        return [check for check in checks if check is not None]

    def _predicted_class(self, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns int64 (batch, height, width)."""
        if self.num_classes > 2:
            return tf.argmax(y_pred, axis=-1)
        if self.num_classes == 1:
            foreground = tf.sigmoid(y_pred) if self.from_logits else y_pred
        else:
            foreground = tf.nn.softmax(y_pred) if self.from_logits else y_pred
        return tf.cast(foreground[..., -1] > self.threshold, tf.int64)
