"""What a U-Net was built with, read from the model itself."""

from typing import Any

import keras


def arguments_of(model: keras.Model) -> dict[str, Any]:
    """Returns the arguments of `build_unet` that make a net like this one.

    A saved model tells nothing else of them: `build_unet(**arguments_of(model))` has
    the same layers, with other weights.

    Args:
        model: made by `keras_unet.build_unet`, or loaded.

    Returns:
        "variant", "input_shape", "num_classes", "base_filters", "depth", "batch_norm",
        "dropout" and "activation" (None for a model that ends in logits).

    Raises:
        ValueError: the model is another one.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"model must be a Keras model of keras_unet.build_unet, got {model!r}."
        )
    layers = {layer.name: layer for layer in model.layers}
    if not {"size_check", "encoder_0_conv_0", "logits"} <= layers.keys():
        raise ValueError(
            f"The model {model.name} was not made by keras_unet.build_unet: it has not "
            "its layers size_check, encoder_0_conv_0 and logits. If the net is a part "
            "of it, give that part: model.get_layer(NAME)."
        )
    dropout = layers.get("bottleneck_dropout")
    end = layers.get("probability")
    return {
        "variant": layers["size_check"].variant,
        "input_shape": tuple(model.input_shape[1:]),
        "num_classes": layers["logits"].filters,
        "base_filters": layers["encoder_0_conv_0"].filters,
        "depth": layers["size_check"].depth,
        "batch_norm": any(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in layers.values()
        ),
        "dropout": 0.0 if dropout is None else dropout.rate,
        "activation": None if end is None else end.get_config()["activation"],
    }
