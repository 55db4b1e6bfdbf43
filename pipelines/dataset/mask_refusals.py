"""The sentences for masks whose values cannot be taken as they are."""

import collections
from collections.abc import Iterable, Sequence

from pipelines.config.class_names import numbers_in_words
from pipelines.dataset import findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.mask_values import (
    FEW_VALUES,
    GREY,
    RARE_SHARE,
    MaskCoding,
    MaskValues,
    colour_name,
)

# Colours that a message lists: more are no table of classes.
LISTED_COLOURS = 24
# Of the ids of a set: if more are rare, few of them were drawn by anyone.
MOSTLY = 0.75
ID_FLAGS = "mask_kind classes or mask_kind instances"


def colours(masks: Sequence[MaskValues], kind: str) -> Finding:
    """Returns the finding for masks in colour without a table of the classes."""
    name = next(mask.file for mask in masks if mask.in_colour)
    counts: dict[int, int] = {}
    for mask in masks:
        for value, pixels in mask.counts.items():
            # Masks of the set that are grey all over were counted by their grey value.
            value = value if mask.in_colour else value * GREY
            counts[value] = counts.get(value, 0) + pixels
    if kind in ("instances", "binary"):
        what = {"instances": "the number of each object", "binary": "0 and 255"}[kind]
        return findings.error(
            "colours",
            name,
            f"the masks are in colour, which masks of {kind} cannot be.",
            f"Write {what} into grey images (of 16 bits from 256 objects on).",
        )
    if len(counts) > LISTED_COLOURS:
        return findings.error(
            "colours",
            name,
            f"the masks have {len(counts)} colours, too many for classes: they were "
            "smoothed, resized or saved as JPEG, or are no masks.",
            "Give masks of one colour a class, without any smoothing.",
        )
    return findings.error(
        "colours",
        name,
        f"the masks are in colour; the most frequent first: {listed_colours(counts)}.",
        "List them in the order of the class ids, background first: "
        f"class_colours {listed_colours(counts, ',')}.",
    )


def listed_colours(counts: dict[int, int], between: str = ", ") -> str:
    """Returns colours as RRGGBB, the most frequent first."""
    common = sorted(counts, key=lambda value: (-counts[value], value))
    more = [f"and {len(common) - LISTED_COLOURS} more"] * (len(common) > LISTED_COLOURS)
    return between.join([*map(colour_name, common[:LISTED_COLOURS]), *more])


def as_greys(ids: Iterable[int]) -> str:
    """Returns the `class_colours` that number class ids anew, from 0 on."""
    return ",".join(colour_name(number * GREY) for number in ids)


def too_many_values(mask: MaskValues, kind: str) -> Finding:
    """Returns the finding for a mask of more than two values."""
    values = sorted(mask.counts)
    shown = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
    if mask.looks_like_image:
        return findings.error(
            "no-ids",
            mask.file,
            f"has {len(values)} values ({shown}) that change from pixel to pixel: an "
            "image rather than a mask.",
            f"Name the masks; if these are ids all the same, say {ID_FLAGS}.",
        )
    if kind == "auto" and mask.without_gap and not mask.looks_smoothed:
        return findings.error(
            "ambiguous",
            mask.file,
            f"has the values {shown}, which could be classes or instances.",
            f"Say {ID_FLAGS}.",
        )
    if mask.looks_smoothed:
        few = len(values) <= 4
        what = "grey levels from smoothing, resizing or JPEG"
        what += ", unless they are ids." if few else ", which mean nothing in a mask."
        hint = f" If all are ids, say {ID_FLAGS}; if one marks pixels to leave out,"
        return findings.error(
            "grey-levels",
            mask.file,
            f"has {len(values)} values ({shown}), most pixels two of them: {what}",
            "Threshold the mask." + (f"{hint} ignore_value." if few else ""),
        )
    return findings.error(
        "ambiguous" if kind == "auto" else "too-many-values",
        mask.file,
        f"has {len(values)} values ({shown}), a binary mask has two.",
        f"If they are ids, say {ID_FLAGS}; if one marks pixels to leave out, say "
        "ignore_value; if they are grey levels, threshold the mask.",
    )


def other_values(mask: MaskValues, seen: list[int]) -> Finding:
    """Returns the finding for a mask of two values that are not those of the others."""
    shown = ", ".join(map(str, sorted(mask.counts)))
    return findings.error(
        "other-values",
        mask.file,
        f"has the values {shown}, other masks of the set have others (together "
        f"{', '.join(map(str, seen))}).",
        f"Write all masks with the same two values, or say {ID_FLAGS}.",
    )


def no_instances(mask: MaskValues) -> Finding:
    """Returns the warning for a mask that does not look like object ids."""
    if mask.looks_smoothed:
        look = "most pixels two of them: rather a smoothed mask than object ids"
    else:
        look = "which change from pixel to pixel: rather an image than object ids"
    return findings.warning(
        "grey-levels",
        mask.file,
        f"has {len(mask.counts)} values, {look}.",
        "Look at it, and threshold it if it is.",
    )


def one_id(masks: Sequence[MaskValues]) -> Finding:
    """Returns the warning for object ids that are the same in the whole set."""
    mask = next(mask for mask in masks if any(mask.counts))
    value = next(value for value in mask.counts if value)
    return findings.warning(
        "one-id",
        mask.file,
        f"all objects of the set have the one id {value}, so those of an image count "
        "as one object.",
        "If an image shows several, give each its own id, or set mask_kind binary.",
    )


def smoothed_classes(masks: Sequence[MaskValues]) -> list[Finding]:
    """Returns the finding for many class ids of which nearly all are very rare."""
    pixels = collections.Counter[int]()
    for mask in masks:
        pixels.update(mask.counts)
    rare = [value for value, n in pixels.items() if n < RARE_SHARE * pixels.total()]
    if len(pixels) <= FEW_VALUES or len(rare) <= MOSTLY * len(pixels):
        return []
    mask = next(mask for mask in masks if not mask.counts.keys().isdisjoint(rare))
    # Between two classes smoothing makes values between theirs.
    ends_are_classes = not {min(pixels), max(pixels)} & set(rare)
    tell = findings.error if ends_are_classes else findings.warning
    problem = tell(
        "grey-levels",
        mask.file,
        f"the masks have {len(pixels)} class ids, of which {len(rare)} have less than "
        f"{RARE_SHARE:.1%} of the pixels each: rather grey levels from smoothing, "
        "resizing or JPEG than classes.",
        "Give each pixel the id of one class (resize masks to the nearest pixel, "
        "without smoothing); leave out classes that hardly occur.",
    )
    return [problem]


# Greys as dark are rather ids than colours.
MOST_IDS = 32


def other_colours(mask: MaskValues, others: dict[int, int]) -> Finding:
    """Returns the finding for pixels of colours that no class has."""
    ignore = ""
    if all(colour % GREY == 0 and colour < MOST_IDS * GREY for colour in others):
        # Of a palette the numbers are read: 1 as the colour 010101.
        ignore = "; if the numbers of its pixels are the ids, set mask_kind classes"
    elif len(others) == 1:
        ignore = f"; or say ignore_value {next(iter(others))} to leave its pixels out"
    return findings.error(
        "other-colour",
        mask.file,
        f"{sum(others.values())} pixels have a colour that is not in class_colours: "
        f"{listed_colours(others)}.",
        f"Add it to class_colours, or correct the mask{ignore}.",
    )


def other_number_of_names(
    masks: Sequence[MaskValues], coding: MaskCoding, names: Sequence[str], file: str
) -> Finding:
    """Returns the finding for more or fewer names than the masks have classes.

    Args:
        masks: values of each mask of the set.
        coding: what they mean.
        names: of the classes.
        file: the pattern of the masks.
    """
    values = {value for mask in masks for value in mask.counts}
    found = sorted(values - {coding.ignore_value})
    what = coding.in_words
    way_out = (
        "Name background and foreground; if values are ids, say mask_kind classes."
    )
    if coding.kind == "classes":
        what = f"found: {', '.join(map(str, found))}"
        way_out = "Give one name for each id, the background first."
        if len(names) > coding.num_classes:
            way_out += f" fit leaves room for more classes by num_classes {len(names)}."
        elif len(names) == len(found):
            way_out += f" Or number those found anew: class_colours {as_greys(found)}."
    counted = numbers_in_words(names, coding.num_classes, "the masks have")
    return findings.error("class-names", file, f"{counted} ({what}).", way_out)
