"""The base of the Keras losses for masks, and the check of their settings."""

import math
import numbers
from typing import Any

import keras
import tensorflow as tf

from keras_unet.batches import as_float32_batch, as_pixel_weight


class MaskLoss(keras.losses.Loss):
    """Keeps the settings and brings `sample_weight` to where it belongs.

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


def split_weight(y_true: Any) -> tuple[Any, Any]:
    """Returns masks and the weight map that `MaskLoss` may have put beside them."""
    return y_true if isinstance(y_true, tuple) else (y_true, None)


def check_setting(
    name: str,
    value: Any,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
) -> None:
    """Raises ValueError unless a setting is finite and within its bounds."""
    is_number = isinstance(value, numbers.Real) and math.isfinite(value)
    if not (is_number and least <= value <= most and value > above):
        bounds = f"above {above:g}" if above > -math.inf else f"at least {least:g}"
        bounds += f" and at most {most:g}" if most < math.inf else ""
        raise ValueError(f"{name} must be a finite number {bounds}, got {value!r}.")
