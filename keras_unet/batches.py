"""Batches of masks, predictions and weights: their shapes checked, their types fixed.

Losses and metrics share this: class ids (batch, height, width, 1) of any number dtype
and predictions (batch, height, width, num_classes).
"""

from typing import Any

import tensorflow as tf


def as_float32_batch(y_true: Any, y_pred: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns masks and predictions in float32.

    Raises:
        ValueError: the shapes are not (batch, height, width, 1) and (batch, height,
            width, num_classes). Others would broadcast to (batch, batch, ...) silently.
    """
    y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
    fits = y_pred.shape.rank == 4 and y_true.shape.is_compatible_with(
        y_pred.shape[:3] + [1]
    )
    if not fits or y_pred.shape[-1] is None:
        raise ValueError(
            "Expected y_true (batch, height, width, 1) and y_pred (batch, height, "
            f"width, num_classes) of the same sizes, got y_true {y_true.shape} and "
            f"y_pred {y_pred.shape}{_way_out(y_true.shape, y_pred.shape)}."
        )
    # In the running graph, for what is not known before.
    y_true = tf.ensure_shape(y_true, [None, None, None, 1])
    return tf.cast(y_true, tf.float32), tf.cast(y_pred, tf.float32)


def as_pixel_weight(sample_weight: Any, y_pred: tf.Tensor) -> tf.Tensor:
    """Returns weights (batch,) or a weight map as float32 (batch, height, width).

    Raises:
        ValueError: the weights have another shape.
    """
    weight = tf.cast(tf.convert_to_tensor(sample_weight), tf.float32)
    if weight.shape.rank == 4 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.shape.rank in (0, 1):
        weight = tf.reshape(weight, [-1, 1, 1])
    elif weight.shape.rank != 3 or not weight.shape.is_compatible_with(
        y_pred.shape[:3]
    ):
        raise ValueError(
            "Expected sample_weight (batch,), (batch, height, width) or (batch, "
            f"height, width, 1), got {weight.shape} for y_pred {y_pred.shape}."
        )
    return tf.broadcast_to(weight, tf.shape(y_pred)[:3])


def check_logits(y_pred: Any) -> None:
    """Refuses probabilities where logits are expected, as far as they show.

    Another sigmoid would make 0.5 to 0.73 of them, without an error.

    Raises:
        ValueError: `y_pred` is what a sigmoid or softmax of Keras has put out.
    """
    # Keras leaves the logits with the result of both.
    if getattr(y_pred, "_keras_logits", None) is not None:
        raise ValueError(
            "from_logits=True, but y_pred is the output of a sigmoid or softmax. Leave "
            "from_logits out, or end the net in logits: build_unet(activation=None)."
        )


def _way_out(y_true: tf.TensorShape, y_pred: tf.TensorShape) -> str:
    """Returns what to do about shapes that do not fit."""
    if y_pred.rank != 4 or y_true.rank not in (3, 4):
        return ""
    if y_true.rank == 3:
        return "; y_true[..., None] gives masks their channel"
    if y_true[-1] != 1 and y_true[-1] == y_pred[-1]:
        return "; tf.argmax(y_true, -1)[..., None] makes class ids of one-hot masks"
    if y_true[-1] == 1 and y_pred[-1] is not None:
        return (
            "; a net without padding puts out the centre of its input: crop the masks "
            "to it"
        )
    return ""
