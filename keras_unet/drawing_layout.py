"""Where the bars of the U drawing stand on the page.

The way from the input to the logits goes one column on with each convolution, one level
down with each pooling and one level up with each up-convolution: a pooled map stands
below the map it was pooled from. Lengths are inches; the top of the U is at 0.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from keras_unet.describe import FeatureMap, StageRow

COLUMN = 0.56
TEXT_LINE = 0.17
_ARROW_DOWN = 0.30
_TALLEST, _SHORTEST = 1.9, 0.16
_WIDEST, _NARROWEST = 0.34, 0.04

Point = tuple[float, float]


class Bar(NamedTuple):
    """A feature map on the page.

    Attributes:
        feature_map: what it shows.
        centre: of the bar, (across, up).
        width: by the channels.
        height: by the pixels.
        copied: share of the width that was copied from a skip.
        crop: pixels that were cut from each side of that skip.
        kept: height of the part of a skip that is copied, 0 where all or nothing is.
    """

    feature_map: FeatureMap
    centre: Point
    width: float
    height: float
    copied: float = 0.0
    crop: int = 0
    kept: float = 0.0

    @property
    def left(self) -> Point:
        """Where an arrow meets the bar's left side."""
        return self.centre[0] - self.width / 2, self.centre[1]

    @property
    def right(self) -> Point:
        """Where an arrow meets the bar's right side."""
        return self.centre[0] + self.width / 2, self.centre[1]

    @property
    def above(self) -> Point:
        """Where an arrow from above ends: over the number of channels."""
        return self.centre[0], self.centre[1] + self.height / 2 + TEXT_LINE

    @property
    def below(self) -> Point:
        """Where an arrow from below ends: under the size."""
        text = _text_height(self.feature_map)
        return self.centre[0], self.centre[1] - self.height / 2 - text


def size_text(feature_map: FeatureMap) -> str:
    """Returns "568²", or height and width on two lines where they differ."""
    height, width = feature_map.height, feature_map.width
    return f"{height}²" if height == width else f"{height}×\n{width}"


def lay_out(rows: list[StageRow]) -> list[Bar]:
    """Returns the bars from the input to the logits.

    An up-convolved map has no bar of its own: it is the computed part of the joined
    one. An activation after the logits has none either.
    """
    steps = list(_steps(rows))
    most_pixels = max(_side(step.feature_map) for step in steps)
    most_channels = max(step.feature_map.channels for step in steps)
    # Roots, so that the largest map does not dwarf the others: 572 to 28 pixels and
    # 1024 to 1 channels.
    heights = [
        max(_SHORTEST, _TALLEST * math.sqrt(_side(step.feature_map) / most_pixels))
        for step in steps
    ]
    middles = _middles(steps, heights)
    bars: list[Bar] = []
    skips: list[int] = []
    for step, height in zip(steps, heights, strict=True):
        channels = step.feature_map.channels
        width = max(_NARROWEST, _WIDEST * math.sqrt(channels / most_channels))
        centre = (step.column * COLUMN, middles[step.level])
        if step.feature_map.operation == "pool":
            skips.append(len(bars) - 1)
        elif step.feature_map.operation == "join":
            skip = skips.pop()
            bars[skip] = bars[skip]._replace(kept=height if step.crop else 0.0)
        bars.append(
            Bar(step.feature_map, centre, width, height, step.copied, step.crop)
        )
    return bars


class _Step(NamedTuple):
    """A feature map's place in the grid of the drawing."""

    feature_map: FeatureMap
    column: int
    level: int
    copied: float
    crop: int


def _steps(rows: list[StageRow]) -> Iterator[_Step]:
    """Yields the maps that have a bar, in the order they are computed."""
    column = level = upsampled = 0
    for row in rows:
        for feature_map in row.feature_maps:
            copied, crop = 0.0, 0
            match feature_map.operation:
                case "upsample":
                    upsampled = feature_map.channels
                    continue
                case "pool":
                    level += 1
                case "join":
                    level -= 1
                    copied, crop = 1 - upsampled / feature_map.channels, row.crop
                case "conv" | "logits":
                    column += 1
                case "input":
                    pass
                case _:
                    continue
            yield _Step(feature_map, column, level, copied, crop)


def _middles(steps: list[_Step], heights: list[float]) -> dict[int, float]:
    """Returns the height on the page at which each level has its centre line."""
    tallest: dict[int, float] = {}
    for step, height in zip(steps, heights, strict=True):
        tallest[step.level] = max(height, tallest.get(step.level, 0.0))
    text = max(_text_height(step.feature_map) for step in steps)
    middles, top = {}, 0.0
    for level in sorted(tallest):
        middles[level] = top - TEXT_LINE - tallest[level] / 2
        top = middles[level] - tallest[level] / 2 - text - _ARROW_DOWN
    return middles


def _side(feature_map: FeatureMap) -> float:
    """Returns the side of the square with as many pixels."""
    return math.sqrt(feature_map.height * feature_map.width)


def _text_height(feature_map: FeatureMap) -> float:
    return TEXT_LINE * (size_text(feature_map).count("\n") + 1)
