"""The weighted sum of losses, be they ours or Keras's."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_unet.batches import as_float32_batch
from keras_unet.mask_loss import MaskLoss, check_setting, split_weight


@keras.saving.register_keras_serializable(package="keras_unet")
class SumOfLosses(MaskLoss):
    """The weighted sum of losses.

    Values of a part that are per pixel are averaged over the pixels of a sample (times
    their weight map); the sums, one a sample, are then reduced by `reduction`. The
    parts' own reductions have no say. Parts per pixel with `ignore_class` are means
    over the other pixels of the batch, as in Keras; give it to all parts that take it.

    Args:
        losses: `keras.losses.Loss` objects, of this module or Keras's.
        weights: one number of at least 0 a loss; by default 1 each.
        name: name of the loss.
        reduction: as in Keras. With "mean_with_sample_weight" and a weight map, the
            mean over the pixels of a sample is divided by that of their weights; of
            parts with `ignore_class` by that of the other pixels of the batch.

    Raises:
        ValueError: there is no loss, a part is not a Loss object, or weights don't fit.
    """

    per_pixel = False

    def __init__(
        self,
        losses: Sequence[Any],
        weights: Sequence[float] | None = None,
        name: str = "sum_of_losses",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name, reduction)
        self.losses = list(losses)
        self.weights = [1.0] * len(self.losses) if weights is None else list(weights)
        for loss in self.losses:
            if not isinstance(loss, keras.losses.Loss):
                raise ValueError(
                    "losses must be keras.losses.Loss objects, such as "
                    f"keras_unet.losses.SoftDice(), got {loss!r}."
                )
        if not self.losses or len(self.weights) != len(self.losses):
            raise ValueError(
                "SumOfLosses needs at least one loss and one weight for each, got "
                f"{len(self.losses)} losses and {len(self.weights)} weights."
            )
        for weight in self.weights:
            check_setting("weights", weight, least=0)

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch,)."""
        y_true, pixel_weight = split_weight(y_true)
        y_true, y_pred = as_float32_batch(y_true, y_pred)
        total = tf.zeros(tf.shape(y_pred)[:1])
        for loss, weight in zip(self.losses, self.weights, strict=True):
            total += weight * _sample_values(
                loss,
                y_true,
                y_pred,
                pixel_weight,
                divide=self.reduction == "mean_with_sample_weight",
            )
        return total

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the losses serialised."""
        losses = [keras.saving.serialize_keras_object(loss) for loss in self.losses]
        return {**super().get_config(), "losses": losses, "weights": self.weights}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SumOfLosses":
        """Returns the loss that `get_config` described."""
        losses = [_part(described) for described in config["losses"]]
        return cls(**{**config, "losses": losses})


def _part(described: dict[str, Any]) -> Any:
    """Returns the loss that `serialize_keras_object` described."""
    # Models in Keras 2's .h5 look a class up by its class_name alone, in which that of
    # a registered one has its package; and Keras's own only among the losses.
    name = described.get("registered_name") or described["class_name"]
    return keras.losses.deserialize({**described, "class_name": name})


def _sample_values(
    loss: Any,
    y_true: tf.Tensor,
    y_pred: tf.Tensor,
    pixel_weight: tf.Tensor | None,
    *,
    divide: bool,
) -> tf.Tensor:
    """Returns the values of a loss, averaged over all axes but the batch.

    `divide`: the mean is divided by that of the weights.
    """
    if isinstance(loss, MaskLoss) and not loss.per_pixel:
        return loss.call((y_true, pixel_weight), y_pred)
    _check_takes_class_ids(loss, y_pred)
    values = loss.call(y_true, y_pred)
    # Where Keras ignores pixels it says so beside the values, which are 0 there.
    kept = getattr(values, "_keras_mask", None)
    if kept is not None:
        kept = tf.cast(kept, values.dtype)
        kept = tf.math.divide_no_nan(kept, tf.reduce_mean(kept))
        pixel_weight = kept if pixel_weight is None else pixel_weight * kept
    if pixel_weight is not None:
        if values.shape.rank != 3:
            raise ValueError(
                f"{loss.name} gives no values per pixel, but {values.shape}, so it "
                "cannot be weighted by a map; leave the map or the loss out."
            )
        mean = tf.reduce_mean(values * pixel_weight, axis=[1, 2])
        if not divide:
            return mean
        # A mean over the other pixels of the batch stays one.
        axes = [1, 2] if kept is None else [0, 1, 2]
        return tf.math.divide_no_nan(mean, tf.reduce_mean(pixel_weight, axis=axes))
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def _check_takes_class_ids(loss: Any, y_pred: tf.Tensor) -> None:
    """Refuses Keras's losses of one-hot masks, over which class ids would broadcast."""
    of_keras = type(loss).__module__.split(".")[0] == "keras"
    sparse = isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
    if of_keras and not sparse and y_pred.shape[-1] > 1:
        raise ValueError(
            f"{loss.name} takes one-hot masks for y_pred {y_pred.shape}, but "
            "SumOfLosses gives its parts class ids. Take SoftDice or Tversky of "
            "keras_unet.losses, or keras.losses.SparseCategoricalCrossentropy."
        )
