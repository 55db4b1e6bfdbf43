"""The arithmetic of the losses: soft Dice, Tversky, focal, weighted cross-entropy.

Pure functions of class ids (batch, height, width, 1) of any number dtype and
predictions (batch, height, width, num_classes): probabilities, or logits with
`from_logits=True`. They compute in float32 whatever comes and reduce nothing over the
batch; `keras_unet.losses` makes Keras losses of them. Like Keras's own they do not
check that ids are of the classes: `keras_unet.guard.TrainingGuard` and the metrics do.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_unet.batches import as_float32_batch, as_pixel_weight, check_logits

# Keras's own: probabilities nearer to 0 or 1 count as this near.
EPSILON = 1e-7

# A model that was compiled with one of them loads.
REGISTERED = keras.saving.register_keras_serializable(package="keras_unet")


@REGISTERED
def soft_dice(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    smooth: float = 1.0,
    pixel_weight: Any = None,
    ignore_class: int | None = None,
) -> tf.Tensor:
    """Returns 1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth).

    The sums run over the pixels of a sample, for each class; classes are averaged, the
    background included. With one channel only the foreground counts. Arguments are
    those of `SoftDice`, and a `pixel_weight` (batch, height, width): a pixel of weight
    2 counts twice in the sums.

    Returns:
        float32 (batch,), from 0 (all right) to 1.

    Source: Drozdzal et al. 2016 (arXiv:1608.04117), plus 1 and with `smooth`; Milletari
    et al. 2016 (arXiv:1606.04797) square p and t in the lower sums.
    """
    overlap, predicted, true = _class_sums(
        y_true, y_pred, from_logits, pixel_weight, ignore_class
    )
    dice = (2.0 * overlap + smooth) / (predicted + true + smooth)
    return tf.reduce_mean(1.0 - dice, axis=-1)


@REGISTERED
def tversky(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1.0,
    pixel_weight: Any = None,
    ignore_class: int | None = None,
) -> tf.Tensor:
    """Returns 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth).

    TP is sum(p t), FP sum(p (1 - t)), FN sum((1 - p) t); sums and means are those of
    `soft_dice`, which it is for alpha = beta = 0.5 and half of its `smooth`. Arguments
    are those of `Tversky`, and a `pixel_weight` (batch, height, width).

    Returns:
        float32 (batch,), from 0 (all right) to 1.

    Source: Salehi et al. 2017 (arXiv:1706.05721), with `smooth`.
    """
    overlap, predicted, true = _class_sums(
        y_true, y_pred, from_logits, pixel_weight, ignore_class
    )
    wrong = alpha * (predicted - overlap) + beta * (true - overlap)
    return tf.reduce_mean(1.0 - (overlap + smooth) / (overlap + wrong + smooth), -1)


@REGISTERED
def focal(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    alpha: float | Sequence[float] | None = None,
    gamma: float = 2.0,
    ignore_class: int | None = None,
) -> tf.Tensor:
    """Returns -alpha_t (1 - p_t)**gamma log(p_t) for every pixel.

    p_t is the probability of the true class (sigmoid for one channel, softmax for
    more), alpha_t the weight of that class. Arguments are those of `Focal`; y_true of
    one channel is 0 or 1. Ignored pixels are 0, and Keras leaves them out of its mean.

    Returns:
        float32 (batch, height, width).

    Raises:
        ValueError: `alpha` does not fit the number of classes.

    Source: Lin et al. 2017 (arXiv:1708.02002), equation 5; for more classes p_t is of
    the softmax, and each has a weight.
    """
    y_true, logits = _logits(y_true, y_pred, from_logits)
    kept = None
    if ignore_class is not None:
        kept = tf.not_equal(y_true, float(ignore_class))
        y_true = tf.where(kept, y_true, 0.0)
    # The logit of p_t; by its softplus nothing overflows at any logit, and the power
    # has a gradient where 1 - p_t is 0.
    true_logits, alpha_t = _true_logits(y_true, logits, _class_weights(alpha, logits))
    modulation = tf.exp(-gamma * tf.nn.softplus(true_logits))
    values = alpha_t * modulation * tf.nn.softplus(-true_logits)
    if kept is not None:
        kept = kept[..., 0]
        values = tf.where(kept, values, 0.0)
        # As Keras's own losses tell it. Keras 2 would divide by the number of none.
        values._keras_mask = kept | ~tf.reduce_any(kept)
    return values


@REGISTERED
def weighted_binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, positive_weight: float = 1.0
) -> tf.Tensor:
    """Returns -positive_weight t log(p) - (1 - t) log(1 - p) for every pixel.

    Arguments are those of `WeightedBinaryCrossentropy`; y_true is from 0 to 1.

    Returns:
        float32 (batch, height, width).

    Raises:
        ValueError: y_pred has more than one channel.
    """
    y_true, logits = _logits(y_true, y_pred, from_logits)
    if logits.shape[-1] != 1:
        raise ValueError(
            "This loss is for one class, y_pred (batch, height, width, 1), got "
            f"{logits.shape}; build the net with num_classes=1, or use Focal or "
            "SoftDice."
        )
    losses = tf.nn.weighted_cross_entropy_with_logits(y_true, logits, positive_weight)
    return losses[..., 0]


def _class_sums(
    y_true: Any,
    y_pred: Any,
    from_logits: bool,
    pixel_weight: Any,
    ignore_class: int | None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the sums of p t, p and t over the pixels, each (batch, num_classes)."""
    if from_logits:
        check_logits(y_pred)
    # Sums over 512x512 pixels would overflow float16.
    y_true, y_pred = as_float32_batch(y_true, y_pred)
    if y_pred.shape[-1] == 1:
        probability = tf.sigmoid(y_pred) if from_logits else y_pred
        truth = y_true
    else:
        probability = tf.nn.softmax(y_pred) if from_logits else y_pred
        truth = tf.one_hot(tf.cast(y_true[..., 0], tf.int32), y_pred.shape[-1])
    parts = [probability * truth, probability, truth]
    if pixel_weight is not None:
        weight = as_pixel_weight(pixel_weight, y_pred)[..., None]
        parts = [weight * part for part in parts]
    if ignore_class is not None:
        kept = tf.cast(tf.not_equal(y_true, float(ignore_class)), tf.float32)
        parts = [kept * part for part in parts]
    overlap, predicted, true = (tf.reduce_sum(part, axis=[1, 2]) for part in parts)
    return overlap, predicted, true


def _logits(y_true: Any, y_pred: Any, from_logits: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns masks, and logits of sigmoid (one channel) or softmax (more)."""
    if from_logits:
        check_logits(y_pred)
    # Keras leaves the logits with the result of both, for its own losses: where the
    # probability is rounded to 0 or 1 it has no gradient.
    behind = getattr(y_pred, "_keras_logits", None)
    y_true, y_pred = as_float32_batch(y_true, y_pred)
    if from_logits:
        return y_true, y_pred
    if behind is not None:
        return y_true, tf.cast(behind, tf.float32)
    probability = tf.clip_by_value(y_pred, EPSILON, 1.0 - EPSILON)
    logits = tf.math.log(probability)
    if y_pred.shape[-1] == 1:
        logits -= tf.math.log1p(-probability)
    return y_true, logits


def _class_weights(
    alpha: float | Sequence[float] | None, logits: tf.Tensor
) -> tf.Tensor:
    """Returns the weights of the classes, float32 (num_classes,), at least two."""
    num_classes = max(2, logits.shape[-1])
    if alpha is None:
        alpha = 0.25 if num_classes == 2 else [1.0] * num_classes
    weights = np.asarray(alpha, np.float64)
    if weights.ndim == 0 and num_classes == 2:
        weights = np.stack([1.0 - weights, weights])
    if weights.shape != (num_classes,):
        raise ValueError(
            f"alpha must be {num_classes} weights, one for each class, for y_pred "
            f"{logits.shape}, got {alpha!r}. One number weighs the foreground of one "
            "or two classes; without alpha more classes weigh alike."
        )
    return tf.constant(weights, tf.float32)


def _true_logits(
    y_true: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the logit of the true class's probability, and that class's weight."""
    if logits.shape[-1] == 1:
        y_true, logits = y_true[..., 0], logits[..., 0]
        weight = weights[1] * y_true + weights[0] * (1.0 - y_true)
        return logits * (2.0 * y_true - 1.0), weight
    class_ids = tf.cast(y_true[..., 0], tf.int32)
    is_true = tf.one_hot(class_ids, logits.shape[-1], True, False)
    # Not the sum: of an id that is of no class it would be a number like any other.
    true = tf.reduce_max(tf.where(is_true, logits, -np.inf), axis=-1)
    others = tf.reduce_logsumexp(tf.where(is_true, -np.inf, logits), axis=-1)
    return true - others, tf.gather(weights, class_ids)
