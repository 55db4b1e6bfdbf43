"""Metrics for masks: counts added up over batches, divided once at the end.

The mean of each batch's ratio would change with the batch size; a ratio of sums does
not. Every metric takes class ids (batch, height, width, 1) of any number dtype and
predictions (batch, height, width, num_classes), like the losses.
"""

import numbers
from typing import Any

import keras
import tensorflow as tf

from keras_unet.batches import as_float32_batch, as_pixel_weight

REGISTERED = keras.saving.register_keras_serializable(package="keras_unet")


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

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds the pixels of a batch.

        Args:
            y_true: class ids (batch, height, width, 1).
            y_pred: (batch, height, width, num_classes).
            sample_weight: (batch,), (batch, height, width) or (batch, height, width,
                1). Pixels of weight 0 are left out, whatever their class id; all
                others count once, however large their weight.

        Raises:
            ValueError: the shapes do not fit (a `tf.errors.InvalidArgumentError` for
                class ids that are not below the number of classes).
        """
        y_true, y_pred = as_float32_batch(y_true, y_pred)
        if y_pred.shape[-1] != self.num_classes:
            raise ValueError(
                f"{self.name} was made for num_classes={self.num_classes}, got y_pred "
                f"{y_pred.shape}; give it the number of channels of the net."
            )
        side = max(2, self.num_classes)
        true_class = tf.cast(y_true[..., 0], tf.int64)
        valid = (true_class >= 0) & (true_class < side)
        # Shares of a class, as a mask has that was interpolated.
        valid &= tf.equal(tf.cast(true_class, y_true.dtype), y_true[..., 0])
        place = true_class * side + self._predicted_class(y_pred)
        if sample_weight is not None:
            left_out = tf.equal(as_pixel_weight(sample_weight, y_pred), 0)
            valid |= left_out
            # unsorted_segment_sum leaves out negative places.
            place = tf.where(left_out, tf.constant(-1, tf.int64), place)
        check = tf.debugging.Assert(
            tf.reduce_all(valid),
            [
                f"y_true of {self.name} must be class ids, whole numbers from 0 to "
                f"{side - 1}, where the weight is not 0; map other mask values to ids "
                "first. Got values from",
                tf.reduce_min(y_true),
                "to",
                tf.reduce_max(y_true),
            ],
        )
        with tf.control_dependencies([] if check is None else [check]):
            place = tf.reshape(place, [-1])
        counts = tf.math.unsorted_segment_sum(tf.ones_like(place), place, side * side)
        self.confusion.assign_add(tf.reshape(counts, [side, side]))

    def reset_state(self) -> None:
        """Sets all counts to 0."""
        # Keras 2's own assigns a scalar, which a matrix does not take.
        self.confusion.assign(tf.zeros(self.confusion.shape, tf.int64))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "threshold": self.threshold,
            "from_logits": self.from_logits,
        }

    def _predicted_class(self, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns int64 (batch, height, width)."""
        if self.num_classes > 2:
            return tf.argmax(y_pred, axis=-1)
        if self.num_classes == 1:
            foreground = tf.sigmoid(y_pred) if self.from_logits else y_pred
        else:
            foreground = tf.nn.softmax(y_pred) if self.from_logits else y_pred
        return tf.cast(foreground[..., -1] > self.threshold, tf.int64)


class _ClassOverlap(ConfusionMatrixMetric):
    """Base of the ratios k TP / (k TP + FP + FN) of a class, k being `hit_weight`."""

    hit_weight = 1

    def __init__(
        self,
        num_classes: int = 1,
        threshold: float = 0.5,
        from_logits: bool = False,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes, threshold, from_logits, name, dtype)
        if class_id is not None and class_id not in range(max(2, num_classes)):
            raise ValueError(
                f"class_id must be from 0 to {max(2, num_classes) - 1} with "
                f"num_classes={num_classes}, or None, got {class_id!r}."
            )
        self.class_id = class_id

    def result(self) -> tf.Tensor:
        """Returns the ratio, a float scalar."""
        # float64 holds every count below 2**53.
        confusion = tf.cast(tf.convert_to_tensor(self.confusion), tf.float64)
        hits = tf.linalg.diag_part(confusion)
        misses = tf.reduce_sum(confusion, 0) + tf.reduce_sum(confusion, 1) - 2 * hits
        # 0 / 0, NaN, where a class is neither in the truth nor predicted.
        ratios = self.hit_weight * hits / (self.hit_weight * hits + misses)
        if self.class_id is not None:
            ratio = ratios[self.class_id]
        elif self.num_classes <= 2:
            ratio = ratios[1]
        else:
            # Not a boolean_mask, whose size XLA could not know.
            counts = hits + misses > 0
            total = tf.reduce_sum(tf.where(counts, ratios, 0.0))
            ratio = total / tf.reduce_sum(tf.cast(counts, tf.float64))
        return tf.cast(ratio, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "class_id": self.class_id}


@REGISTERED
class IntersectionOverUnion(_ClassOverlap):
    """Intersection over union (Jaccard index): TP / (TP + FP + FN), 0 to 1.

    A class that is neither in the truth nor predicted does not count in the mean. If
    nothing is left to count the result is NaN: 0 would read as a total miss.

    Args:
        num_classes: channels of y_pred; 1 means background and foreground, too.
        threshold: on P(foreground), 0 to 1; has no say from three classes on.
        from_logits: takes logits (sigmoid for one class, softmax for more).
        class_id: the class to score; by default the foreground of one or two classes,
            and from three on the mean over the classes, background included.
        name: name of the metric.
        dtype: of the result.

    Raises:
        ValueError: an argument is out of range.
    """

    default_name = "intersection_over_union"


@REGISTERED
class Dice(_ClassOverlap):
    """Dice coefficient (F1 score of the pixels): 2 TP / (2 TP + FP + FN), 0 to 1.

    A class that is neither in the truth nor predicted does not count in the mean. If
    nothing is left to count the result is NaN: 0 would read as a total miss.

    Args:
        num_classes: channels of y_pred; 1 means background and foreground, too.
        threshold: on P(foreground), 0 to 1; has no say from three classes on.
        from_logits: takes logits (sigmoid for one class, softmax for more).
        class_id: the class to score; by default the foreground of one or two classes,
            and from three on the mean over the classes, background included.
        name: name of the metric.
        dtype: of the result.

    Raises:
        ValueError: an argument is out of range.
    """

    default_name = "dice"
    hit_weight = 2


@REGISTERED
class PixelError(ConfusionMatrixMetric):
    """Share of pixels of a wrong class, 0 to 1; NaN without pixels.

    Args:
        num_classes: channels of y_pred; 1 means background and foreground, too.
        threshold: on P(foreground), 0 to 1; has no say from three classes on.
        from_logits: takes logits (sigmoid for one class, softmax for more).
        name: name of the metric.
        dtype: of the result.

    Raises:
        ValueError: an argument is out of range.
    """

    default_name = "pixel_error"

    def result(self) -> tf.Tensor:
        """Returns the share, a float scalar."""
        confusion = tf.cast(tf.convert_to_tensor(self.confusion), tf.float64)
        total = tf.reduce_sum(confusion)
        return tf.cast((total - tf.linalg.trace(confusion)) / total, self.dtype)
