"""Losses for masks: soft Dice, focal, weighted cross-entropy, and sums of them.

Every loss takes class ids (batch, height, width, 1) of any number dtype and
predictions (batch, height, width, num_classes): probabilities, or logits with
`from_logits=True`. It computes in float32 whatever comes. `sample_weight` is (batch,),
(batch, height, width) or (batch, height, width, 1), in `fit` too.
"""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

REGISTERED = keras.saving.register_keras_serializable(package="keras_unet")

# Keras's own: probabilities nearer to 0 or 1 count as this near.
EPSILON = 1e-7


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
            f"y_pred {y_pred.shape}; y_true[..., None] gives masks their channel."
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


def soft_dice(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    smooth: float = 1.0,
    pixel_weight: Any = None,
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
    # Sums over 512x512 pixels would overflow float16.
    y_true, y_pred = as_float32_batch(y_true, y_pred)
    if y_pred.shape[-1] == 1:
        probability = tf.sigmoid(y_pred) if from_logits else y_pred
        truth = y_true
    else:
        probability = tf.nn.softmax(y_pred) if from_logits else y_pred
        truth = tf.one_hot(tf.cast(y_true[..., 0], tf.int32), y_pred.shape[-1])
    if pixel_weight is not None:
        weight = as_pixel_weight(pixel_weight, y_pred)[..., None]
        overlap, total = weight * probability * truth, weight * (probability + truth)
    else:
        overlap, total = probability * truth, probability + truth
    overlap = tf.reduce_sum(overlap, axis=[1, 2])
    total = tf.reduce_sum(total, axis=[1, 2])
    dice = (2.0 * overlap + smooth) / (total + smooth)
    return tf.reduce_mean(1.0 - dice, axis=-1)


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


class _MaskLoss(keras.losses.Loss):
    """Base: keeps the settings and brings `sample_weight` to where it belongs.

    Keras multiplies values by weights as NumPy broadcasts, from the last axis: weights
    (batch,) would weigh the columns of the image, and one value a sample could not
    be multiplied by a weight map.

    Attributes:
        per_pixel: `call` returns (batch, height, width); otherwise it returns (batch,)
            and also takes (y_true, weight map) for y_true.
    """

    per_pixel = True

    def __init__(self, name: str, reduction: str, **settings: Any) -> None:
        super().__init__(name=name, reduction=reduction)
        self.settings = settings

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the reduced loss."""
        y_true, y_pred = as_float32_batch(y_true, y_pred)
        if sample_weight is not None:
            if self.per_pixel:
                sample_weight = as_pixel_weight(sample_weight, y_pred)
            elif tf.convert_to_tensor(sample_weight).shape.rank not in (0, 1):
                y_true = (y_true, as_pixel_weight(sample_weight, y_pred))
                sample_weight = None
        return super().__call__(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), **self.settings}


@REGISTERED
class SoftDice(_MaskLoss):
    """Soft Dice loss, see `soft_dice`; a weight map weighs the pixels in its sums.

    Args:
        from_logits: takes logits (sigmoid for one class, softmax for more).
        smooth: added above and below the fraction, above 0.
        name: name of the loss.
        reduction: as in Keras.

    Raises:
        ValueError: `smooth` is not above 0.
    """

    per_pixel = False

    def __init__(
        self,
        from_logits: bool = False,
        smooth: float = 1.0,
        name: str = "soft_dice",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        _check_setting("smooth", smooth, above=0)
        super().__init__(name, reduction, from_logits=from_logits, smooth=smooth)

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch,)."""
        y_true, weight = _split(y_true)
        return soft_dice(y_true, y_pred, **self.settings, pixel_weight=weight)


@REGISTERED
class Focal(_MaskLoss):
    """Focal loss of one class, see `focal`.

    Args:
        from_logits: takes logits.
        alpha: weight of the foreground, 0 to 1.
        gamma: how much less right pixels count, at least 0.
        name: name of the loss.
        reduction: as in Keras.

    Raises:
        ValueError: `alpha` or `gamma` is out of range.
    """

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        name: str = "focal",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        _check_setting("alpha", alpha, least=0, most=1)
        _check_setting("gamma", gamma, least=0)
        super().__init__(
            name, reduction, from_logits=from_logits, alpha=alpha, gamma=gamma
        )

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch, height, width)."""
        return focal(y_true, y_pred, **self.settings)


@REGISTERED
class WeightedBinaryCrossentropy(_MaskLoss):
    """Cross-entropy of one class with a weight for its foreground.

    Args:
        from_logits: takes logits.
        positive_weight: weight of the foreground, above 0.
        name: name of the loss.
        reduction: as in Keras.

    Raises:
        ValueError: `positive_weight` is not above 0.
    """

    def __init__(
        self,
        from_logits: bool = False,
        positive_weight: float = 1.0,
        name: str = "weighted_binary_crossentropy",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        _check_setting("positive_weight", positive_weight, above=0)
        super().__init__(
            name, reduction, from_logits=from_logits, positive_weight=positive_weight
        )

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch, height, width)."""
        return weighted_binary_crossentropy(y_true, y_pred, **self.settings)


@REGISTERED
class SumOfLosses(_MaskLoss):
    """The weighted sum of losses.

    Values of a part that are per pixel are averaged over the pixels of a sample (times
    their weight map); the sums, one a sample, are then reduced by `reduction`. The
    parts' own reductions have no say.

    Args:
        losses: `keras.losses.Loss` objects, of this module or Keras's.
        weights: one number of at least 0 a loss; by default 1 each.
        name: name of the loss.
        reduction: as in Keras.

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
            _check_setting("weights", weight, least=0)

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch,)."""
        y_true, pixel_weight = _split(y_true)
        y_true, y_pred = as_float32_batch(y_true, y_pred)
        total = tf.zeros(tf.shape(y_pred)[:1])
        for loss, weight in zip(self.losses, self.weights, strict=True):
            total += weight * _sample_values(loss, y_true, y_pred, pixel_weight)
        return total

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the losses serialised."""
        losses = [keras.saving.serialize_keras_object(loss) for loss in self.losses]
        return {**super().get_config(), "losses": losses, "weights": self.weights}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SumOfLosses":
        """Returns the loss that `get_config` described."""
        losses = map(keras.saving.deserialize_keras_object, config["losses"])
        return cls(**{**config, "losses": list(losses)})


@REGISTERED
class BinaryCrossentropyAndDice(SumOfLosses):
    """Binary cross-entropy plus `dice_weight` times the soft Dice loss, for one class.

    Args:
        from_logits: takes logits.
        dice_weight: at least 0.
        name: name of the loss.
        reduction: as in Keras.

    Raises:
        ValueError: `dice_weight` is below 0.
    """

    def __init__(
        self,
        from_logits: bool = False,
        dice_weight: float = 1.0,
        name: str = "binary_crossentropy_and_dice",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        _check_setting("dice_weight", dice_weight, least=0)
        parts = [WeightedBinaryCrossentropy(from_logits), SoftDice(from_logits)]
        super().__init__(parts, [1.0, dice_weight], name, reduction)
        self.settings = {"from_logits": from_logits, "dice_weight": dice_weight}

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return _MaskLoss.get_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BinaryCrossentropyAndDice":
        """Returns the loss that `get_config` described."""
        return cls(**config)


def _sample_values(
    loss: Any, y_true: tf.Tensor, y_pred: tf.Tensor, pixel_weight: tf.Tensor | None
) -> tf.Tensor:
    """Returns the values of a loss, averaged over all axes but the batch."""
    if isinstance(loss, _MaskLoss) and not loss.per_pixel:
        return loss.call((y_true, pixel_weight), y_pred)
    values = loss.call(y_true, y_pred)
    if pixel_weight is not None:
        if values.shape.rank != 3:
            raise ValueError(
                f"{loss.name} gives no values per pixel, but {values.shape}, so it "
                "can't be weighted by a map; leave the map or the loss out."
            )
        values = values * pixel_weight
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def _split(y_true: Any) -> tuple[Any, Any]:
    return y_true if isinstance(y_true, tuple) else (y_true, None)


def _binary_logits(
    y_true: Any, y_pred: Any, from_logits: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    y_true, y_pred = as_float32_batch(y_true, y_pred)
    if y_pred.shape[-1] != 1:
        raise ValueError(
            "This loss is for one class, y_pred (batch, height, width, 1), got "
            f"{y_pred.shape}; build the net with num_classes=1 or use SoftDice."
        )
    if from_logits:
        return y_true, y_pred
    probability = tf.clip_by_value(y_pred, EPSILON, 1.0 - EPSILON)
    return y_true, tf.math.log(probability) - tf.math.log1p(-probability)


def _check_setting(
    name: str,
    value: float,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
) -> None:
    is_number = isinstance(value, numbers.Real) and math.isfinite(value)
    if not (is_number and least <= value <= most and value > above):
        bounds = f"above {above:g}" if above > -math.inf else f"at least {least:g}"
        bounds += f" and at most {most:g}" if most < math.inf else ""
        raise ValueError(f"{name} must be a finite number {bounds}, got {value!r}.")
