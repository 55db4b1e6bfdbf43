"""The U drawing of a model: bars are feature maps, arrows are operations."""

import os
import pathlib
from typing import Any

import keras

from keras_unet import describe
from keras_unet.drawing_layout import COLUMN, TEXT_LINE, Bar, Point, lay_out, size_text

# Inches, as everywhere on the page.
_MARGIN = 0.30
_HEADER = 0.95
_LEGEND_ENTRY, _LEGEND_LINE, _LEGEND_ARROW = 2.75, 0.26, 0.32
_FONT_SIZE = 8.5

_INK, _COMPUTED, _COPIED = "#22303c", "#6c9bd2", "#ffffff"
_COLOURS = {
    "conv": "#2b5d9b",
    "copy": "#8a949e",
    "pool": "#c0392b",
    "upsample": "#2e8b57",
    "logits": "#8e44ad",
}


def draw_unet(
    model: keras.Model,
    path: str | os.PathLike,
    height: int | None = None,
    width: int | None = None,
) -> None:
    """Draws the U of a model to an SVG or PNG file.

    Args:
        model: made by `build_unet`, also one loaded from a file.
        path: file to write, ending in .svg or .png; it appears when it is whole.
        height: of the input in pixels; needed where the model leaves it free.
        width: of the input in pixels; needed where the model leaves it free.

    Raises:
        ValueError: `path` has another ending or no folder to stand in, or the model
            cannot be described (see `describe.feature_table`).
    """
    import matplotlib

    path = check_path(path)
    figure = unet_figure(model, height, width)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    file_format = path.suffix.lower()[1:]
    # Without the date and random names the same model gives the same drawing.
    metadata = {"Date": None} if file_format == "svg" else {}
    try:
        with matplotlib.rc_context({"svg.hashsalt": "keras_unet"}):
            figure.savefig(partial, format=file_format, dpi=160, metadata=metadata)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def unet_figure(
    model: keras.Model, height: int | None = None, width: int | None = None
) -> Any:
    """Draws the U of a model and returns it as a `matplotlib.figure.Figure`.

    Args:
        model: as in `draw_unet`.
        height: as in `draw_unet`.
        width: as in `draw_unet`.

    Raises:
        ValueError: the model cannot be described.
    """
    # Imported here, so that the table does not wait for it. Not pyplot, which keeps
    # figures for the whole process and may look for a display.
    from matplotlib.figure import Figure

    rows = describe.feature_table(model, height, width)
    bars = lay_out(rows)
    legend = _legend(model, crops=any(row.crop for row in rows))
    u_width = bars[-1].centre[0] - bars[0].centre[0] + COLUMN
    u_bottom = min(bar.below[1] for bar in bars)
    # Two entries of the legend fit side by side under the smallest U.
    inner_width = max(u_width, 2 * _LEGEND_ENTRY)
    left = bars[0].centre[0] - COLUMN / 2 - (inner_width - u_width) / 2
    num_lines = -(-len(legend) // int(inner_width // _LEGEND_ENTRY))
    a_line = -(-len(legend) // num_lines)
    edges = (left - _MARGIN, left + inner_width + _MARGIN)
    bottom = u_bottom - 2 * _MARGIN - num_lines * _LEGEND_LINE

    figure = Figure(figsize=(edges[1] - edges[0], _HEADER - bottom), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=edges, ylim=(bottom, _HEADER))
    _draw_header(axes, left, model.name, rows)
    for bar in bars:
        _draw_bar(axes, bar)
    _draw_operations(axes, bars)
    for index, (operation, text) in enumerate(legend.items()):
        line, place = divmod(index, a_line)
        start = (
            left + place * inner_width / a_line,
            u_bottom - 1.5 * _MARGIN - line * _LEGEND_LINE,
        )
        _draw_legend_entry(axes, operation, text, start)
    return figure


def check_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of a drawing to be written.

    Raises:
        ValueError: it has another ending than .svg or .png, or no folder to stand in.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in (".svg", ".png") or path.is_dir():
        raise ValueError(f"{path}: expected a file name that ends in .svg or .png.")
    if not path.parent.is_dir():
        raise ValueError(
            f"{path}: expected a file name in an existing folder, but there is no "
            f"folder {path.parent}. Make it first."
        )
    return path


def _legend(model: keras.Model, crops: bool) -> dict[str, str]:
    """Returns what the arrows of each operation mean in this model."""
    layers = {layer.name: layer for layer in model.layers}

    def kernel(name: str) -> str:
        layer = layers[name]
        height, width = getattr(layer, "kernel_size", None) or layer.pool_size
        return f"{height}×{width}"

    norm = " + batch norm" if "encoder_0_norm_0" in layers else ""
    last = ""
    if "probability" in layers:
        last = f" + {describe.activation_name(layers['probability'])}"
    return {
        "conv": f"convolution {kernel('encoder_0_conv_0')}{norm} + ReLU",
        "copy": "copy and crop (pixels a side)" if crops else "copy",
        "pool": f"max pool {kernel('encoder_0_pool')}",
        "upsample": f"up-convolution {kernel('decoder_0_upsample')}",
        "logits": f"convolution {kernel('logits')}{last}",
    }


def _draw_header(
    axes: Any, left: float, name: str, rows: list[describe.StageRow]
) -> None:
    """Writes the model's name and its size, and how to read a bar."""
    parameters = sum(row.parameters for row in rows)
    multiply_adds = sum(row.multiply_adds for row in rows)
    image = rows[0].feature_maps[0]
    size = "height × width"
    if image.height == image.width:
        size += f" ({image.height}² is {image.height}×{image.width})"
    texts = [
        f"{parameters:,} parameters, {_in_words(multiply_adds)} multiply-adds",
        f"above each bar its channels, below it {size} in pixels",
    ]
    axes.text(left, _HEADER - 0.3, name, fontsize=13, weight="bold", color=_INK)
    for index, text in enumerate(texts):
        up = _HEADER - 0.3 - (index + 1) * 1.2 * TEXT_LINE
        axes.text(left, up, text, fontsize=_FONT_SIZE, color=_INK)


def _draw_bar(axes: Any, bar: Bar) -> None:
    """Draws a feature map between its number of channels and its size."""
    from matplotlib.patches import Rectangle

    left = bar.left[0]
    bottom = bar.centre[1] - bar.height / 2
    copied_width = bar.copied * bar.width
    boxes = [
        (left + copied_width, bar.width - copied_width, _COMPUTED),
        (left, copied_width, _COPIED),
    ]
    for start, width, colour in boxes:
        if width:
            corner = (start, bottom)
            box = Rectangle(corner, width, bar.height, fc=colour, ec=_INK, lw=0.8)
            axes.add_patch(box)
    if bar.kept:
        corner = (left, bar.centre[1] - bar.kept / 2)
        box = Rectangle(corner, bar.width, bar.kept, fill=False, ec=_INK, lw=0.8)
        box.set_linestyle((0, (2, 2)))
        axes.add_patch(box)
    across, top = bar.above
    channels = f"{bar.feature_map.channels}"
    _write(axes, (across, top - TEXT_LINE + 0.03), channels, va="bottom")
    _write(axes, (across, bottom - 0.03), size_text(bar.feature_map), va="top")


def _draw_operations(axes: Any, bars: list[Bar]) -> None:
    """Draws the arrows from map to map, and those that copy the skips."""
    skips = []
    for before, after in zip(bars, bars[1:], strict=False):
        operation = after.feature_map.operation
        match operation:
            case "pool":
                skips.append(before)
                _draw_arrow(axes, operation, before.below, after.above)
            case "join":
                skip = skips.pop()
                _draw_arrow(axes, "upsample", before.above, after.below)
                _draw_arrow(axes, "copy", skip.right, after.left)
                if after.crop:
                    middle = (skip.right[0] + after.left[0]) / 2
                    place = (middle, after.centre[1] + 0.05)
                    _write(axes, place, f"crop {after.crop}", va="bottom")
            case _:
                _draw_arrow(axes, operation, before.right, after.left)


def _draw_arrow(axes: Any, operation: str, start: Point, end: Point) -> None:
    style = {
        "arrowstyle": "-|>,head_length=0.45,head_width=0.22",
        "color": _COLOURS[operation],
        "linewidth": 2.0 if operation == "copy" else 1.4,
        "shrinkA": 1.5,
        "shrinkB": 1.5,
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def _draw_legend_entry(axes: Any, operation: str, text: str, start: Point) -> None:
    end = (start[0] + _LEGEND_ARROW, start[1])
    _draw_arrow(axes, operation, start, end)
    _write(axes, (end[0] + 0.1, end[1]), text, ha="left", va="center_baseline")


def _write(axes: Any, place: Point, text: str, *, va: str, ha: str = "center") -> None:
    axes.text(
        *place,
        text,
        fontsize=_FONT_SIZE,
        color=_INK,
        ha=ha,
        va=va,
        linespacing=0.95,
    )


def _in_words(count: int) -> str:
    """Returns a count as "150.4 billion"; small ones in full."""
    for power, word in ((12, "trillion"), (9, "billion"), (6, "million")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {word}"
    return f"{count:,}"
