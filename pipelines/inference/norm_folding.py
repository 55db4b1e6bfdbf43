"""A net as it is used: batch normalisation folded into the convolutions before it.

A trained normalisation is a scale and a shift of each channel, and so is a convolution:
the folded net computes the same with one operation less for each convolution.
"""

from typing import Any

import keras
import numpy as np

import keras_unet
from pipelines.inference.keras_policy import policy


def fold_batch_norm(model: keras.Model) -> tuple[keras.Model, bool]:
    """Makes a net without batch normalisation and dropout that computes the same.

    It computes in float32, whatever Keras's policy is now, and takes images of every
    size. Logits differ by rounding only, about 1e-6 of their size.

    Args:
        model: made by `keras_unet.build_unet` with `activation=None`; not changed.

    Returns:
        (net, folded): folded is False where there was no normalisation, and where one
        does not follow a convolution; in the latter case the net is `model` itself.
    """
    norms = [layer for layer in model.layers if _is_norm(layer)]
    if any(_convolution_name(norm) is None for norm in norms):
        return model, False
    made = keras_unet.arguments_of(model)
    any_size = (None, None, made["input_shape"][-1])
    changes = {"input_shape": any_size, "batch_norm": False, "dropout": 0.0}
    with policy("float32"):
        folded = keras_unet.build_unet(**made | changes)
    names = {_convolution_name(norm): norm for norm in norms}
    for layer in folded.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        weights = model.get_layer(layer.name).get_weights()
        if layer.name in names:
            weights = _folded(weights, names[layer.name])
        layer.set_weights(weights)
    return folded, bool(norms)


def _is_norm(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _convolution_name(norm: Any) -> str | None:
    """Returns the name of the convolution that a normalisation follows."""
    before = norm.input
    # Keras 3 and Keras 2 tell in other ways which layer made a tensor.
    history = getattr(before, "_keras_history", None)
    layer = None if history is None else history[0]
    return layer.name if isinstance(layer, keras.layers.Conv2D) else None


def _folded(weights: list[np.ndarray], norm: Any) -> list[np.ndarray]:
    """Returns kernel and bias that do what convolution and normalisation do."""
    kernel = weights[0].astype(np.float64)
    bias = weights[1] if len(weights) > 1 else 0.0
    mean = np.asarray(norm.moving_mean, np.float64)
    variance = np.asarray(norm.moving_variance, np.float64)
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * np.asarray(norm.gamma, np.float64)
    shift = 0.0 if norm.beta is None else np.asarray(norm.beta, np.float64)
    folded = [kernel * scale, (bias - mean) * scale + shift]
    return [weight.astype(np.float32) for weight in folded]
