"""What the values of masks mean: binary, class ids, colours or instance ids."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

# Of masks so small or finely patterned that their values change from pixel to pixel.
FEW_VALUES = 24
# Of the pixels of a set: less, and a net may never learn a class.
RARE_SHARE = 0.001
Kind = Literal["binary", "classes", "instances"]
# Class id, in a mask of class ids, of pixels that are neither trained on nor scored.
IGNORED = 255
# Times a grey value: that grey as a colour 0xRRGGBB.
GREY = 0x010101


@dataclasses.dataclass(frozen=True)
class MaskCoding:
    """How mask values become class ids.

    Attributes:
        kind: "binary" (any two values, the greater is foreground), "classes" (values
            are class ids) or "instances" (ids; all but 0 is foreground).
        foreground: the foreground's value in binary masks; else None.
        num_classes: classes with the background.
        colours: of masks in colour, RRGGBB of each class in the order of the ids.
        ignore_value: of pixels that are neither trained on nor scored; None if there
            are none.
    """

    kind: Kind
    foreground: int | None
    num_classes: int
    colours: tuple[str, ...] = ()
    ignore_value: int | None = None

    def __post_init__(self) -> None:
        """Takes colours as a list too, which they are when read from JSON."""
        object.__setattr__(self, "colours", tuple(self.colours))

    @property
    def in_words(self) -> str:
        """Says what mask values are taken for."""
        if self.kind == "binary":
            words = f"binary, foreground {self.foreground}"
        elif self.kind == "instances":
            words = "instances, all ids but 0 are foreground"
        else:
            words = f"classes, {self.num_classes} of them"
        if self.colours:
            words += ", in colour"
        if self.ignore_value is None:
            return words
        in_colour = bool(self.colours)
        value = colour_name(self.ignore_value) if in_colour else self.ignore_value
        return f"{words}, {value} ignored"


@dataclasses.dataclass(frozen=True)
class MaskValues:
    """The values of one mask.

    Attributes:
        file: its name.
        counts: how many pixels have each value, or colour as 0xRRGGBB.
        runs: how many runs of equal pixels other than 0 its rows have.
        in_colour: some pixels are not grey.
    """

    file: str
    counts: dict[int, int]
    runs: int = 0
    in_colour: bool = False

    @property
    def without_gap(self) -> bool:
        """The values are 0 or 1, then all whole numbers up to the greatest."""
        values = sorted(self.counts)
        return values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1

    @property
    def looks_smoothed(self) -> bool:
        """It has two values and rarer grey levels between or around them.

        The second most common value has more pixels than all the rarer ones together,
        and the values are not ids without a gap: of many without one the two most
        common are 0 and the white of the type.
        """
        if len(self.counts) < 3:
            return False
        common = sorted(self.counts, key=lambda value: -self.counts[value])
        if self.without_gap and set(common[:2]) not in ({0, 255}, {0, 65535}):
            return False
        first, second = (self.counts[value] for value in common[:2])
        rest = sum(self.counts.values()) - first - second
        return second > rest and abs(common[0] - common[1]) > 1

    @property
    def has_objects(self) -> bool:
        """It has areas of one value, as a camera image has not.

        Runs of at least three pixels on the average.
        """
        pixels = sum(count for value, count in self.counts.items() if value)
        return pixels >= 3 * self.runs

    @property
    def looks_like_image(self) -> bool:
        """It has many values, which change from pixel to pixel."""
        return len(self.counts) > FEW_VALUES and not self.has_objects

    def without(self, ignored: int | None) -> "MaskValues":
        """Returns the mask without the pixels of a value."""
        counts = {value: n for value, n in self.counts.items() if value != ignored}
        return dataclasses.replace(self, counts=counts)


def class_ids(values: np.ndarray, coding: MaskCoding) -> np.ndarray:
    """Returns class ids for mask values, uint8 of the same shape.

    Args:
        values: whole numbers of any shape; of masks in colour those that
            `numbers_of` gives.
        coding: what they mean.

    Returns:
        Class ids, IGNORED where the value is `coding.ignore_value`, and where a colour
        belongs to no class.
    """
    if coding.kind == "binary":
        ids = (values == coding.foreground).astype(np.uint8)
    elif coding.kind == "instances":
        ids = (values != 0).astype(np.uint8)
    elif coding.colours:
        ids = np.full(values.shape, IGNORED, np.uint8)
        for number, colour in enumerate(coding.colours):
            ids[values == int(colour, 16)] = number
    else:
        ids = values.astype(np.uint8)
    if coding.ignore_value is not None:
        ids[values == coding.ignore_value] = IGNORED
    return ids


def is_object(ids: np.ndarray) -> np.ndarray:
    """Tells which class ids are neither background nor ignored, bool."""
    return (ids != 0) & (ids != IGNORED)


def numbers_of(mask: np.ndarray, *, in_colour: bool) -> np.ndarray:
    """Returns one number for each pixel of a mask.

    Args:
        mask: (height, width, 1 or 3), whole numbers as in the file.
        in_colour: the masks of the set are in colour, this one perhaps in grey.

    Returns:
        (height, width, 1): the values, or 0xRRGGBB of masks in colour.
    """
    if not in_colour:
        return mask[..., :1]
    red, green, blue = (mask[..., [min(c, mask.shape[2] - 1)]] for c in range(3))
    return (red.astype(np.int64) << 16) + (green.astype(np.int64) << 8) + blue


def class_names(num_classes: int, given: Sequence[str] = ()) -> list[str]:
    """Returns the names of classes, in the order of their ids: first those given."""
    names = [f"class {index}" for index in range(num_classes)]
    if num_classes == 2:
        names = ["background", "foreground"]
    return [*given, *names[len(given) :]]


def colour_name(number: int) -> str:
    """Returns RRGGBB of a number that `numbers_of` gives."""
    return f"{number:06X}"


def is_grey(number: int) -> bool:
    """Tells whether a number of `numbers_of` is a colour of equal parts."""
    return number == (number & 0xFF) * GREY
