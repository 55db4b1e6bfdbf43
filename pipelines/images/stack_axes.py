"""The axes that number the images of a stack: time and depth, and their steps."""

import dataclasses
import math
from typing import Any

from pipelines.images.length_units import known_symbol, word_of

SECOND = "s"
# Symbols that OME-TIFF takes, words that OME-Zarr takes, other spellings.
_TIMES = (
    ("ns", "nanosecond", ("nsec",)),
    ("\u00b5s", "microsecond", ("us", "\u03bcs", "usec")),
    ("ms", "millisecond", ("msec",)),
    (SECOND, "second", ("sec", "seconds")),
    ("min", "minute", ("minutes",)),
    ("h", "hour", ("hr", "hours")),
    ("d", "day", ("days",)),
)
_SYMBOLS = {
    name: symbol for symbol, word, others in _TIMES for name in (symbol, word, *others)
}
_WORDS = {symbol: word for symbol, word, _ in _TIMES}


@dataclasses.dataclass(frozen=True)
class StackAxis:
    """An axis that numbers images of one size.

    Attributes:
        name: "t" or "z".
        count: of images along it.
        step: from one to the next, in `unit`; None if it is not known.
        unit: a symbol such as "s" or "nm"; empty where the file has numbers alone.
        start: of the first image, in `unit`, as OME-Zarr has it.
    """

    name: str
    count: int
    step: float | None = None
    unit: str = ""
    start: float = 0.0

    @property
    def word(self) -> str:
        """The unit's word, as OME-Zarr has it."""
        return _WORDS.get(self.unit, word_of(self.unit))


def made_axis(
    name: str, count: int, step: Any, unit: str | None, start: float = 0.0
) -> StackAxis:
    """Returns an axis from what a file says; without a step if that is none.

    Args:
        name: "t" or "z".
        count: of images along it.
        step: a number, or anything else.
        unit: of the step, in any spelling; of another kind it is none.
        start: of the first image.
    """
    symbol = time_symbol(unit or "") if name == "t" else known_symbol(unit or "")
    try:
        number = float(step)
    except (TypeError, ValueError):
        return StackAxis(name, count)
    if not (math.isfinite(number) and number > 0):
        return StackAxis(name, count)
    return StackAxis(name, count, number, symbol or "", start)


def time_symbol(unit: str) -> str | None:
    """Returns the symbol of a unit of time; None for any other text."""
    return _SYMBOLS.get(unit)


def named_stack(axes: list[StackAxis | None]) -> tuple[StackAxis, ...]:
    """Returns the axes of a stack that have more than one image.

    Args:
        axes: slowest first; None for one that is neither time nor depth.

    Returns:
        Nothing if one of them is neither.
    """
    if None in axes:
        return ()
    return tuple(axis for axis in axes if axis is not None and axis.count > 1)
