"""Metrics for masks: counts added up over batches, divided once at the end.

The mean of each batch's ratio would change with the batch size; a ratio of sums does
not. Every metric takes class ids (batch, height, width, 1) of any number dtype and
predictions (batch, height, width, num_classes), like the losses.

Keras gives sample weights to the `weighted_metrics` of `compile` alone: under `metrics`
pixels of weight 0, such as ignored ones, count like any other. Callbacks that keep the
best value know from the metric on Keras 3 which way is better; on Keras 2 tell them
(mode="max", of the pixel error "min").
"""

from typing import Any

import keras
import tensorflow as tf

from keras_unet.confusion import ConfusionMatrixMetric

REGISTERED = keras.saving.register_keras_serializable(package="keras_unet")


class _ClassOverlap(ConfusionMatrixMetric):
    """Base of the ratios k TP / (k TP + FP + FN) of a class, k being `hit_weight`."""

    hit_weight = 1
    # Which way is better: for the callbacks of Keras 3.
    _direction = "up"

    def __init__(
        self,
        num_classes: int = 1,
        threshold: float = 0.5,
        from_logits: bool = False,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if name is None and class_id is not None:
            name = f"{self.default_name}_class_{class_id}"
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
        return self.unless_invalid(ratio)

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
        name: name of the metric; by default that of the class in snake case, and
            "_class_2" after it for a class_id of 2.
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
        name: name of the metric; by default that of the class in snake case, and
            "_class_2" after it for a class_id of 2.
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
    _direction = "down"

    def result(self) -> tf.Tensor:
        """Returns the share, a float scalar."""
        confusion = tf.cast(tf.convert_to_tensor(self.confusion), tf.float64)
        total = tf.reduce_sum(confusion)
        return self.unless_invalid((total - tf.linalg.trace(confusion)) / total)
