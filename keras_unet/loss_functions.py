"""The arithmetic of the losses: soft Dice, Tversky, focal, weighted cross-entropy.

Pure functions of class ids (batch, height, width, 1) of any number dtype and
predictions (batch, height, width, num_classes): probabilities, or logits with
`from_logits=True`. They compute in float32 whatever comes and reduce nothing over the
batch; `keras_unet.losses` makes Keras losses of them. Like Keras's own they do not
check that ids are of the classes: `keras_unet.guard.TrainingGuard` and the metrics do.
"""

from typing import Any

import keras
import tensorflow as tf

from keras_unet.batches import as_float32_batch, as_pixel_weight

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
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> tf.Tensor:
    """Returns -alpha_t (1 - p_t)**gamma log(p_t) for every pixel.

    p_t is the probability of the true class, alpha_t is alpha in the foreground and
    1 - alpha in the background. Arguments are those of `Focal`; y_true is 0 or 1.

    Returns:
        float32 (batch, height, width).

    Source: Lin et al. 2017 (arXiv:1708.02002), equation 5.
    """
    y_true, logits = _binary_logits(y_true, y_pred, from_logits)
    # The logit of the true class; by its softplus nothing overflows at any logit, and
    # the power has a gradient where 1 - p_t is 0.
    true_logits = logits * (2.0 * y_true - 1.0)
    modulation = tf.exp(-gamma * tf.nn.softplus(true_logits))
    alpha_t = alpha * y_true + (1.0 - alpha) * (1.0 - y_true)
    return (alpha_t * modulation * tf.nn.softplus(-true_logits))[..., 0]


@REGISTERED
def weighted_binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, positive_weight: float = 1.0
) -> tf.Tensor:
    """Returns -positive_weight t log(p) - (1 - t) log(1 - p) for every pixel.

    Arguments are those of `WeightedBinaryCrossentropy`; y_true is from 0 to 1.

    Returns:
        float32 (batch, height, width).
    """
    y_true, logits = _binary_logits(y_true, y_pred, from_logits)
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


def _binary_logits(
    y_true: Any, y_pred: Any, from_logits: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    # Keras leaves the logits with the result of a sigmoid, for its own losses: where
    # the probability is rounded to 0 or 1 it has no gradient.
    behind = getattr(y_pred, "_keras_logits", None)
    y_true, y_pred = as_float32_batch(y_true, y_pred)
    if y_pred.shape[-1] != 1:
        raise ValueError(
            "This loss is for one class, y_pred (batch, height, width, 1), got "
            f"{y_pred.shape}; build the net with num_classes=1 or use SoftDice."
        )
    if from_logits:
        return y_true, y_pred
    if behind is not None:
        return y_true, tf.cast(behind, tf.float32)
    probability = tf.clip_by_value(y_pred, EPSILON, 1.0 - EPSILON)
    return y_true, tf.math.log(probability) - tf.math.log1p(-probability)
