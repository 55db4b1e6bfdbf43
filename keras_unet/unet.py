"""Both U-Nets: the 2015 paper's, and today's padded one with batch normalisation."""

import numbers
from collections.abc import Sequence
from typing import Any, SupportsFloat

import keras

from keras_unet import blocks, geometry, layers

PAPER_INPUT_SIZE = 572
# What the variants set where the caller does not; the paper names no share to drop.
DEFAULTS: dict[str, dict[str, Any]] = {
    "paper": {"num_classes": 2, "batch_norm": False, "dropout": 0.5},
    "padded": {"num_classes": 1, "batch_norm": True, "dropout": 0.0},
}


def build_unet(
    variant: str = "padded",
    input_shape: tuple[int | None, int | None, int] | None = None,
    num_classes: int | None = None,
    *,
    base_filters: int = 64,
    depth: int = 4,
    batch_norm: bool | None = None,
    dropout: float | None = None,
    activation: str | None = "auto",
    name: str | None = None,
) -> keras.Model:
    """Builds a U-Net (Ronneberger, Fischer and Brox 2015, arXiv:1505.04597).

    The variant "paper" is figure 1 of the paper: 3x3 convolutions without padding,
    copy and crop, (572, 572, 1) in and (388, 388, 2) out, 31,030,658 parameters. The
    variant "padded" pads its convolutions, normalises between convolution and ReLU
    and puts out as many pixels as it takes.

    Args:
        variant: "paper" or "padded".
        input_shape: (height, width, channels); None for a free height or width. By
            default (572, 572, 1) for "paper" (at other depths the nearest legal
            size) and (None, None, 1) for "padded". Legal heights and widths are
            multiples of 2**depth for "padded", and 2**depth * k + 4 * (2**depth - 1)
            for "paper" (16k + 60 at depth 4).
        num_classes: channels out: 1 for one foreground class; by default 2 for
            "paper" and 1 for "padded".
        base_filters: channels of the first stage; each pooling doubles them.
        depth: number of poolings, 1 to 6.
        batch_norm: normalises between convolution and ReLU; by default only "padded".
        dropout: share of features dropped at the end of the contracting path (last
            encoder stage, before pool and skip, and bottleneck); by default 0.5 for
            "paper" (the paper names no share) and 0 for "padded".
        activation: "auto" ends in probabilities (sigmoid for one class, softmax for
            more), None in logits, a name in that Keras activation.
        name: name of the model.

    Returns:
        Model from float images (batch, height, width, channels) to float32
        (batch, height, width, num_classes), also under mixed precision. The 1x1
        convolution `logits` is linear; an activation is the layer `probability`.

    Raises:
        ValueError: an argument is out of range, height or width do not fit, or Keras
            is set to another backend than TensorFlow or to channels first.
    """
    _check_keras()
    _check_variant(variant)
    depth = geometry.check_depth(depth)
    defaults = DEFAULTS[variant]
    input_shape = _input_shape(input_shape, depth, variant)
    num_classes = defaults["num_classes"] if num_classes is None else num_classes
    batch_norm = defaults["batch_norm"] if batch_norm is None else batch_norm
    dropout = defaults["dropout"] if dropout is None else dropout
    num_classes = _positive("num_classes", num_classes)
    base_filters = _positive("base_filters", base_filters)
    # "instance", as other builders take, would count as true.
    if batch_norm not in (True, False):
        raise ValueError(f"batch_norm must be True or False, got {batch_norm!r}.")
    if not isinstance(dropout, SupportsFloat) or not 0 <= float(dropout) < 1:
        raise ValueError(f"dropout must be a share from 0 to below 1, got {dropout!r}.")
    common: dict[str, Any] = {
        "padding": "valid" if variant == "paper" else "same",
        "batch_norm": batch_norm,
    }

    image = keras.Input(input_shape, name="image")
    features = layers.InputSizeCheck(depth, variant, name="size_check")(image)
    skips = []
    for level in range(depth):
        features, skip = blocks.encoder_stage(
            features,
            base_filters * 2**level,
            dropout=dropout if level == depth - 1 else 0.0,
            name=f"encoder_{level}",
            **common,
        )
        skips.append(skip)
    features = blocks.conv_block(
        features,
        base_filters * 2**depth,
        dropout=dropout,
        name="bottleneck",
        **common,
    )
    for level in reversed(range(depth)):
        features = blocks.decoder_stage(
            features,
            skips[level],
            base_filters * 2**level,
            level=level,
            depth=depth,
            **common,
        )
    # float32 also under mixed precision: a loss on half-precision logits loses digits.
    outputs = keras.layers.Conv2D(
        num_classes,
        1,
        kernel_initializer=keras.initializers.HeNormal(),
        dtype="float32",
        name="logits",
    )(features)
    activation = _activation(activation, num_classes)
    if activation is not None:
        outputs = keras.layers.Activation(
            activation, dtype="float32", name="probability"
        )(outputs)
    return keras.Model(image, outputs, name=name or f"{variant}_unet")


def _activation(activation: str | None, num_classes: int) -> str | None:
    if activation == "auto":
        return "sigmoid" if num_classes == 1 else "softmax"
    if num_classes == 1 and activation in ("softmax", keras.activations.softmax):
        raise ValueError(
            "activation='softmax' of num_classes=1 is 1 at every pixel: take "
            "'sigmoid', or num_classes=2."
        )
    return activation


def _check_variant(variant: Any) -> None:
    # The first argument of other packages' builders is the shape.
    if isinstance(variant, Sequence) and not isinstance(variant, str):
        raise ValueError(
            "The first argument of build_unet is the variant, 'padded' or 'paper', got "
            f"{variant!r}. Give a shape by its name: input_shape={variant!r}."
        )
    geometry.check_variant(variant)


def _input_shape(
    input_shape: tuple[int | None, int | None, int] | None, depth: int, variant: str
) -> tuple[int | None, int | None, int]:
    if input_shape is None:
        if variant == "padded":
            return (None, None, 1)
        default = geometry.nearest_input_sizes(PAPER_INPUT_SIZE, depth, variant)[-1]
        return (default, default, 1)
    # TensorFlow's shapes are no sequences.
    if not hasattr(input_shape, "__len__") or len(input_shape) != 3:
        raise ValueError(
            "input_shape must be (height, width, channels) without the batch, got "
            f"{input_shape!r}."
        )
    height, width, channels = input_shape
    channels = _positive("channels in input_shape", channels)
    for side, size in (("height", height), ("width", width)):
        if size is not None:
            size = _positive(f"{side} in input_shape", size)
            geometry.check_input_size(side, size, depth, variant)
    return (height, width, channels)


def _positive(name: str, value: Any) -> int:
    """Returns a whole number, NumPy's too, as int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
    return int(value)


def _check_keras() -> None:
    image_layout = keras.backend.image_data_format()
    if image_layout != "channels_last":
        raise ValueError(
            f"Keras is set to image_data_format {image_layout!r}, but images here are "
            "(height, width, channels). Call "
            "keras.backend.set_image_data_format('channels_last') first."
        )
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            f"keras_unet needs Keras's TensorFlow backend, got {backend!r}. Set the "
            "environment variable KERAS_BACKEND=tensorflow before importing Keras."
        )
