"""What the values of masks mean: binary, class ids or instance ids."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

MAX_CLASSES = 255
# Class id, in a mask of class ids, of pixels that are neither trained on nor scored.
IGNORED = 255


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

    kind: str
    foreground: int | None
    num_classes: int
    colours: tuple[str, ...] = ()
    ignore_value: int | None = None

    def __post_init__(self) -> None:
        """Takes colours as a list too, which they are when read from JSON."""
        object.__setattr__(self, "colours", tuple(self.colours))


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


def recognise(
    files: Sequence[tuple[str, Iterable[int]]],
    kind: str,
    known: MaskCoding | None = None,
) -> MaskCoding:
    """Finds out what the values of a set of masks mean.

    Args:
        files: name and distinct values of each mask.
        kind: "binary", "classes", "instances", or "auto": two values are binary;
            where there are more the user must say.
        known: how masks were read before, which decides what masks of one single
            value are.

    Raises:
        ValueError: the values are not of the kind, or could be of several; names the
            first file in which that shows.
    """
    if kind == "classes":
        return _classes(files)
    if kind == "instances":
        _refuse_negative(files)
        return MaskCoding("instances", None, 2)
    seen: dict[int, str] = {}
    for name, values in files:
        values = sorted(values)
        for value in values:
            seen.setdefault(value, name)
        if len(seen) > 2:
            raise ValueError(_too_many_values(name, values, sorted(seen), kind))
    low, high = min(seen), max(seen)
    if low == high:
        return _one_value(high, seen[high], known)
    return MaskCoding("binary", high, 2)


def _one_value(value: int, name: str, known: MaskCoding | None) -> MaskCoding:
    """Returns the coding of masks that are all background or all foreground."""
    known_foreground = None if known is None else known.foreground
    if value == 0:
        return MaskCoding("binary", known_foreground or 1, 2)
    if known_foreground not in (None, value):
        raise ValueError(
            f"{name}: all masks have the one value {value}; the run's foreground is "
            f"{known_foreground}, so it could be either. Add masks with both values."
        )
    return MaskCoding("binary", value, 2)


def _too_many_values(name: str, values: list[int], seen: list[int], kind: str) -> str:
    shown = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
    if len(values) <= 2:
        other = ", ".join(map(str, seen))
        return (
            f"{name}: has the values {shown}, other masks of the set have others "
            f"(together {other}). Write all masks with the same two values, or say "
            "mask_kind classes or instances."
        )
    ids = values == list(range(values[0], values[0] + len(values))) and values[0] <= 1
    if kind == "auto" and ids:
        return (
            f"{name}: has the values {shown}, which could be classes or instances. "
            "Say mask_kind classes or mask_kind instances."
        )
    return (
        f"{name}: has {len(values)} values ({shown}), a binary mask has two. If they "
        "are ids, say mask_kind instances or classes; if they are grey levels between "
        "two values, from smoothing, resizing or JPEG, threshold the mask."
    )


def _classes(files: Sequence[tuple[str, Iterable[int]]]) -> MaskCoding:
    _refuse_negative(files)
    highest = 1
    for name, values in files:
        top = max(values)
        if top >= MAX_CLASSES:
            raise ValueError(
                f"{name}: class ids must be 0 to {MAX_CLASSES - 1}, got {top}. If "
                "these are object ids, say mask_kind instances."
            )
        highest = max(highest, top)
    _refuse_ignore_label(files)
    return MaskCoding("classes", None, highest + 1)


def _refuse_ignore_label(files: Sequence[tuple[str, Iterable[int]]]) -> None:
    """Raises ValueError for 255 without 254: a "don't care", or a mask of 0 and 255.

    As a class id it would silently make a net of 256 classes.
    """
    seen = {value for _, values in files for value in values}
    top = MAX_CLASSES - 1
    if top in seen and top - 1 not in seen:
        name = next(name for name, values in files if top in values)
        raise ValueError(
            f"{name}: has the class id {top} but no mask has {top - 1}. Write class "
            "ids from 0 on without gaps (there is no id for pixels to leave out), or "
            "say mask_kind binary if the masks have two values."
        )


def _refuse_negative(files: Sequence[tuple[str, Iterable[int]]]) -> None:
    for name, values in files:
        if min(values) < 0:
            raise ValueError(
                f"{name}: ids must not be negative, got {min(values)}. Write ids from "
                "0 (background) on."
            )
