"""The precision that a saved model predicts in."""

from typing import Any

import keras

from pipelines.inference.keras_policy import POLICIES
from pipelines.inference.norm_folding import fold_batch_norm

# Of bfloat16 against float32: the most that a probability differs, and the mean over
# pixels, for nets of random weights in the tests; trained ones were closer.
BFLOAT16_TOLERANCE = 0.06
BFLOAT16_MEAN_TOLERANCE = 0.005


def inference_net(model: Any, precision: str = "float32") -> Any:
    """Returns what `predict` and `evaluate` run: the net folded, in a precision.

    In float32 it is the net that `export` serves.

    Args:
        model: made by `keras_unet.build_unet` with `activation=None`; not changed.
        precision: "float32" or "bfloat16".
    """
    return in_precision(fold_batch_norm(model)[0], precision)


def in_precision(model: Any, precision: str) -> Any:
    """Returns a model of the same weights that computes in a precision.

    Weights stay float32, and so do the logits and all that follows them. Tiles equal
    one pass over the whole image in bfloat16, too; bfloat16 against float32 changes
    probabilities by up to BFLOAT16_TOLERANCE.

    Args:
        model: made by `keras_unet.build_unet`.
        precision: "float32", in which models are saved, or "bfloat16".
    """
    if precision == "float32":
        return model

    def recast(layer: Any) -> Any:
        settings = layer.get_config()
        if layer.name not in ("logits", "probability"):
            settings["dtype"] = POLICIES[precision]
        return type(layer).from_config(settings)

    cast = keras.models.clone_model(model, clone_function=recast)
    cast.set_weights(model.get_weights())
    return cast
