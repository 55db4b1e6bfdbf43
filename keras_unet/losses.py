"""Keras losses for masks: soft Dice, Tversky, focal, weighted cross-entropy, and sums.

Every loss takes class ids (batch, height, width, 1) of any number dtype and
predictions (batch, height, width, num_classes): probabilities, or logits with
`from_logits=True`. It computes in float32 whatever comes. `sample_weight` is (batch,),
(batch, height, width) or (batch, height, width, 1), in `fit` too.

The functions `soft_dice`, `tversky`, `focal` and `weighted_binary_crossentropy` are the
arithmetic, for losses of one's own. For `compile` take the classes: only they bring
sample weights to the pixels that they are of.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_unet.loss_functions import (
    focal,
    soft_dice,
    tversky,
    weighted_binary_crossentropy,
)
from keras_unet.loss_sums import SumOfLosses
from keras_unet.mask_loss import MaskLoss, check_setting, split_weight

__all__ = [
    "BinaryCrossentropyAndDice",
    "Focal",
    "SoftDice",
    "SumOfLosses",
    "Tversky",
    "WeightedBinaryCrossentropy",
    "focal",
    "soft_dice",
    "tversky",
    "weighted_binary_crossentropy",
]

REGISTERED = keras.saving.register_keras_serializable(package="keras_unet")


@REGISTERED
class SoftDice(MaskLoss):
    """Soft Dice loss, see `soft_dice`; a weight map weighs the pixels in its sums.

    Args:
        from_logits: takes logits (sigmoid for one class, softmax for more).
        smooth: added above and below the fraction, above 0.
        name: name of the loss.
        reduction: as in Keras.
        ignore_class: class id of pixels that are left out of the sums; None: none.

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
        ignore_class: int | None = None,
    ) -> None:
        check_setting("smooth", smooth, above=0)
        super().__init__(
            name,
            reduction,
            from_logits=from_logits,
            smooth=smooth,
            ignore_class=ignore_class,
        )

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch,)."""
        y_true, weight = split_weight(y_true)
        return soft_dice(y_true, y_pred, **self.settings, pixel_weight=weight)


@REGISTERED
class Tversky(MaskLoss):
    """Tversky loss, see `tversky`: soft Dice that weighs its two kinds of mistakes.

    Args:
        from_logits: takes logits (sigmoid for one class, softmax for more).
        alpha: weight of pixels that are predicted and not true, at least 0.
        beta: weight of pixels that are true and not predicted, at least 0; more than
            alpha finds more of a rare class.
        smooth: added above and below the fraction, above 0.
        name: name of the loss.
        reduction: as in Keras.
        ignore_class: class id of pixels that are left out of the sums; None: none.

    Raises:
        ValueError: `alpha`, `beta` or `smooth` is out of range.
    """

    per_pixel = False

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1.0,
        name: str = "tversky",
        reduction: str = "sum_over_batch_size",
        ignore_class: int | None = None,
    ) -> None:
        check_setting("alpha", alpha, least=0)
        check_setting("beta", beta, least=0)
        check_setting("smooth", smooth, above=0)
        super().__init__(
            name,
            reduction,
            from_logits=from_logits,
            alpha=alpha,
            beta=beta,
            smooth=smooth,
            ignore_class=ignore_class,
        )

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch,)."""
        y_true, weight = split_weight(y_true)
        return tversky(y_true, y_pred, **self.settings, pixel_weight=weight)


@REGISTERED
class Focal(MaskLoss):
    """Focal loss, see `focal`: pixels that are right already count less.

    Args:
        from_logits: takes logits (sigmoid for one class, softmax for more).
        alpha: weight of the foreground of one or two classes, 0 to 1 (that of the
            background is 1 - alpha), by default 0.25; or a weight of at least 0 for
            each class, by default 1 from three classes on.
        gamma: how much less right pixels count, at least 0.
        name: name of the loss.
        reduction: as in Keras.
        ignore_class: class id of pixels that are left out of the mean; None: none.

    Raises:
        ValueError: `alpha` or `gamma` is out of range.
    """

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float | Sequence[float] | None = None,
        gamma: float = 2.0,
        name: str = "focal",
        reduction: str = "sum_over_batch_size",
        ignore_class: int | None = None,
    ) -> None:
        if isinstance(alpha, list | tuple | np.ndarray):
            alpha = list(alpha)
            for weight in alpha:
                check_setting("alpha", weight, least=0)
        elif alpha is not None:
            check_setting("alpha", alpha, least=0, most=1)
        check_setting("gamma", gamma, least=0)
        super().__init__(
            name,
            reduction,
            from_logits=from_logits,
            alpha=alpha,
            gamma=gamma,
            ignore_class=ignore_class,
        )

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch, height, width)."""
        return focal(y_true, y_pred, **self.settings)


@REGISTERED
class WeightedBinaryCrossentropy(MaskLoss):
    """Cross-entropy of one class with a weight for its foreground.

    Args:
        from_logits: takes logits.
        positive_weight: weight of the foreground, above 0.
        name: name of the loss.
        reduction: as in Keras.

    Raises:
        ValueError: `positive_weight` is not above 0, or y_pred has several channels.
    """

    def __init__(
        self,
        from_logits: bool = False,
        positive_weight: float = 1.0,
        name: str = "weighted_binary_crossentropy",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        check_setting("positive_weight", positive_weight, above=0)
        super().__init__(
            name, reduction, from_logits=from_logits, positive_weight=positive_weight
        )

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch, height, width)."""
        return weighted_binary_crossentropy(y_true, y_pred, **self.settings)


@REGISTERED
class BinaryCrossentropyAndDice(MaskLoss):
    """Binary cross-entropy plus `dice_weight` times the soft Dice loss, for one class.

    Args:
        from_logits: takes logits.
        dice_weight: at least 0.
        name: name of the loss.
        reduction: as of `SumOfLosses`.

    Raises:
        ValueError: `dice_weight` is below 0, or y_pred has several channels.
    """

    per_pixel = False

    def __init__(
        self,
        from_logits: bool = False,
        dice_weight: float = 1.0,
        name: str = "binary_crossentropy_and_dice",
        reduction: str = "sum_over_batch_size",
    ) -> None:
        check_setting("dice_weight", dice_weight, least=0)
        super().__init__(
            name, reduction, from_logits=from_logits, dice_weight=dice_weight
        )
        parts = [WeightedBinaryCrossentropy(from_logits), SoftDice(from_logits)]
        self._sum = SumOfLosses(parts, [1.0, dice_weight], reduction=reduction)

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        """Returns float32 (batch,)."""
        return self._sum.call(y_true, y_pred)
