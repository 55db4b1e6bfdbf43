"""From logits to probabilities to masks: what predict and the exported graph share."""

import numpy as np
import tensorflow as tf


def probability_from_logits(logits: tf.Tensor) -> tf.Tensor:
    """Returns sigmoid (one channel) or softmax (more) over the last axis, float32."""
    logits = tf.cast(logits, tf.float32)
    return tf.sigmoid(logits) if logits.shape[-1] == 1 else tf.nn.softmax(logits)


def foreground_probability(probability: tf.Tensor) -> tf.Tensor:
    """Returns P(foreground), (...), from (..., 1 or 2)."""
    return probability[..., -1]


def mask_from_probability(probability: tf.Tensor, threshold: float | None) -> tf.Tensor:
    """Decides each pixel.

    Args:
        probability: (..., num_classes).
        threshold: on P(foreground), for one or two classes; unused from three on.

    Returns:
        uint8 (...): 0 or 255 up to two classes, class ids by argmax from three on.
    """
    if probability.shape[-1] > 2:
        return tf.cast(tf.argmax(probability, axis=-1), tf.uint8)
    foreground = foreground_probability(probability) > threshold
    return tf.cast(foreground, tf.uint8) * tf.constant(255, tf.uint8)


def sureness(probability: np.ndarray, threshold: float | None) -> float:
    """Returns by how much probabilities may change before the mask does.

    Args:
        probability: (..., num_classes).
        threshold: as for `mask_from_probability`.
    """
    if probability.shape[-1] > 2:
        second, first = np.moveaxis(np.sort(probability, axis=-1)[..., -2:], -1, 0)
        return float((first - second).min() / 2)
    return float(np.abs(probability[..., -1] - threshold).min())
