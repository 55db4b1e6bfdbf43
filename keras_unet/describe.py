"""The table of feature maps of any U-Net that `build_unet` made, also a loaded one."""

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import Any

import keras

from keras_unet import geometry
from keras_unet.arguments import arguments_of

# The layers that put out a feature map of the drawing, in the order of a stage;
# ReLU, normalisation and dropout leave the size as it is. `crop` comes apart: it is
# told as pixels cut off.
_STAGE_LAYERS = ("upsample", "join", "conv_0", "conv_1", "pool")
_HEADINGS = (
    "stage",
    "feature maps (height x width x channels)",
    "parameters",
    "multiply-adds",
)


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """What one layer puts out for one image.

    Attributes:
        operation: what made it: "input", "conv", "pool", "upsample", "join", "logits"
            or the name of an activation.
        height: in pixels.
        width: in pixels.
        channels: features a pixel.
    """

    operation: str
    height: int
    width: int
    channels: int

    def __str__(self) -> str:
        """Returns the size as "572x572x1"."""
        return f"{self.height}x{self.width}x{self.channels}"


@dataclasses.dataclass(frozen=True)
class StageRow:
    """One row of the table.

    Attributes:
        stage: place in the drawing: "input", "encoder_0", "bottleneck", "logits", ...
        feature_maps: in the order they are computed.
        parameters: of all layers of the stage, those not trained included.
        multiply_adds: of its convolutions, for one image.
        crop: pixels cut from each side of the skip that is joined here.
    """

    stage: str
    feature_maps: tuple[FeatureMap, ...]
    parameters: int = 0
    multiply_adds: int = 0
    crop: int = 0


def feature_table(
    model: keras.Model, height: int | None = None, width: int | None = None
) -> list[StageRow]:
    """Reads the feature maps off a model, from the input to the last layer.

    Args:
        model: made by `build_unet`, also one loaded from a file.
        height: of the input in pixels; needed where the model leaves it free.
        width: of the input in pixels; needed where the model leaves it free.

    Returns:
        The rows: "input", "encoder_0", ..., "bottleneck", ..., "decoder_0", "logits"
        and, where the model ends in an activation, "probability".

    Raises:
        ValueError: another kind of model, or height or width are missing or do not
            fit the model.
    """
    layers = {layer.name: layer for layer in model.layers}
    # Raises for another model.
    arguments_of(model)
    shapes = _output_shapes(model, _input_size(model, height, width))
    image = FeatureMap("input", *shapes["size_check"])
    return [StageRow("input", (image,))] + [
        _stage_row(stage, layers, shapes) for stage in _stages(layers)
    ]


def format_table(rows: Iterable[StageRow]) -> str:
    """Returns the table as plain text for a monospaced font, with a total row."""
    rows = list(rows)
    cells = [
        (_title(row), _maps(row), f"{row.parameters:,}", f"{row.multiply_adds:,}")
        for row in rows
    ]
    parameters = sum(row.parameters for row in rows)
    multiply_adds = sum(row.multiply_adds for row in rows)
    total = ("total", "", f"{parameters:,}", f"{multiply_adds:,}")
    table = [_HEADINGS, *cells, total]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = "  ".join("-" * width for width in widths)
    lines = [_line(cells, widths) for cells in table]
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def activation_name(layer: Any) -> str:
    """Returns what the activation of a layer is called, for example "softmax"."""
    activation = layer.activation
    return getattr(activation, "__name__", type(activation).__name__)


def _input_size(
    model: keras.Model, height: int | None, width: int | None
) -> tuple[int, int, int]:
    """Returns the (height, width, channels) to describe the model at."""
    check = model.get_layer("size_check")
    _, *fixed, channels = model.input_shape
    sizes = []
    for side, own, given in zip(
        ("height", "width"), fixed, (height, width), strict=True
    ):
        size = given if own is None else own
        if size is None:
            raise ValueError(
                f"The model leaves its {side} free; describe needs a size: give "
                f"{side}, one of {geometry.input_size_rule(check.depth, check.variant)}"
                "."
            )
        if given not in (None, size):
            raise ValueError(
                f"The model takes {side}={own} only, got {side}={given}. Leave {side} "
                "out, or build the model with a free one."
            )
        geometry.check_input_size(side, size, check.depth, check.variant)
        sizes.append(size)
    return (sizes[0], sizes[1], channels)


def _output_shapes(
    model: keras.Model, input_size: tuple[int, int, int]
) -> dict[str, tuple[int, int, int]]:
    """Returns each layer's output (height, width, channels) for one input image.

    The layers' own rules, one after the other: nothing is computed on pixels.
    """
    # Without the input layer, whose shape may be free.
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    every_layer = keras.Model(model.input, [layer.output for layer in layers])
    shapes = every_layer.compute_output_shape((1, *input_size))
    return {
        layer.name: tuple(shape)[1:]
        for layer, shape in zip(layers, shapes, strict=True)
    }


def _stages(layers: dict[str, Any]) -> list[str]:
    """Returns the stages in the order of the drawing."""
    levels = sorted(
        int(match[1])
        for match in (re.fullmatch(r"encoder_(\d+)_pool", name) for name in layers)
        if match
    )
    return [
        *(f"encoder_{level}" for level in levels),
        "bottleneck",
        *(f"decoder_{level}" for level in reversed(levels)),
        *(name for name in ("logits", "probability") if name in layers),
    ]


def _stage_row(
    stage: str, layers: dict[str, Any], shapes: dict[str, tuple[int, int, int]]
) -> StageRow:
    own = [
        layer
        for name, layer in layers.items()
        if name == stage or name.startswith(f"{stage}_")
    ]
    if stage == "logits":
        maps = [FeatureMap("logits", *shapes[stage])]
    elif stage == "probability":
        maps = [FeatureMap(activation_name(layers[stage]), *shapes[stage])]
    else:
        maps = [
            FeatureMap(kind.split("_")[0], *shapes[f"{stage}_{kind}"])
            for kind in _STAGE_LAYERS
            if f"{stage}_{kind}" in shapes
        ]
    crop = layers.get(f"{stage}_crop")
    return StageRow(
        stage,
        tuple(maps),
        parameters=sum(layer.count_params() for layer in own),
        multiply_adds=sum(_multiply_adds(layer, shapes[layer.name]) for layer in own),
        crop=0 if crop is None else crop.cropping[0][0],
    )


def _multiply_adds(layer: Any, output_size: tuple[int, int, int]) -> int:
    """Returns the products that a convolution adds up for one image, 0 for others."""
    height, width, _ = output_size
    if isinstance(layer, keras.layers.Conv2DTranspose):
        # Every input pixel, not every output pixel, meets the whole kernel.
        height, width = height // layer.strides[0], width // layer.strides[1]
    elif not isinstance(layer, keras.layers.Conv2D):
        return 0
    return height * width * math.prod(layer.kernel.shape)


def _title(row: StageRow) -> str:
    return "logits, 1x1 convolution" if row.stage == "logits" else row.stage


def _maps(row: StageRow) -> str:
    """Returns the feature maps of a row in words."""
    words = []
    for feature_map in row.feature_maps:
        match feature_map.operation:
            case "input" | "conv":
                words.append(str(feature_map))
            case "pool":
                words.append(f"pooled {feature_map}")
            case "upsample":
                words.append(f"up {feature_map}")
                if row.crop:
                    words.append(f"skip cropped by {row.crop} a side")
            case "join":
                words.append(f"joined {feature_map}")
            case "logits":
                words.append(f"{feature_map}, no ReLU")
            case activation:
                words.append(f"{feature_map}, {activation}")
    return ", ".join(words)


def _line(cells: Iterable[str], widths: list[int]) -> str:
    stage, maps, *numbers = (
        f"{cell:<{width}}" if column < 2 else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([stage, maps, *numbers])
