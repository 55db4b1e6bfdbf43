"""Which kind of masks a set has: told by the user, or by values that are clear."""

import dataclasses
from collections.abc import Iterator, Sequence

from pipelines.config.network import MAX_CLASSES
from pipelines.dataset import findings, mask_refusals
from pipelines.dataset.findings import Finding
from pipelines.dataset.mask_values import MaskCoding, MaskValues

# More objects in one mask than a set of classes shows as 1, 2, 3, ... without a gap.
MANY_OBJECTS = 20


@dataclasses.dataclass(frozen=True)
class MaskSettings:
    """What the user says of the masks; see `DataConfig`."""

    kind: str = "auto"
    colours: tuple[str, ...] = ()
    ignore_value: int | None = None


def recognise(
    masks: Sequence[MaskValues],
    settings: MaskSettings,
    known: MaskCoding | None = None,
) -> tuple[MaskCoding | None, list[Finding]]:
    """Finds out what the values of a set of masks mean.

    The kind "auto" takes what is clear:

    - one or two values in the whole set: binary, the greater is foreground;
    - ids beyond 255, which may mark ignored pixels of classes, not evenly spaced as
      scaled classes are: instances;
    - masks that each hold 1 to n without a gap, n differing between at least three
      masks and once over 20: instances. Of so many classes some mask would leave one
      out;
    - colours, if the user gives the table: classes.

    For instances every mask must also have 0 as its most common value, and areas of one
    value, or it may be a camera image. Grey levels between two values that hold most
    pixels come from smoothing or resizing: such a mask is refused. Everything else,
    such as {0, 1, 2}, could be classes or instances, and the user must say.

    Args:
        masks: values of each mask of the set.
        settings: what the user says.
        known: how masks were read before, which decides what masks of one single
            value are.

    Returns:
        The coding, None if it cannot be told, and what is wrong with which file.
    """
    if settings.ignore_value is not None:
        masks = [mask.without(settings.ignore_value) for mask in masks]
    masks = [mask for mask in masks if mask.counts]
    kind = settings.kind
    if settings.colours:
        coding, found = _coloured(masks, settings.colours)
    elif any(mask.in_colour for mask in masks):
        coding, found = None, [mask_refusals.colours(masks, kind)]
    elif kind == "classes":
        coding, found = _classes(masks)
    elif kind == "instances" or (kind == "auto" and _are_instances(masks)):
        coding, found = _instances(masks)
    else:
        coding, found = _binary(masks, kind, known)
    if coding is not None:
        coding = dataclasses.replace(coding, ignore_value=settings.ignore_value)
    return coding, found


def _are_instances(masks: Sequence[MaskValues]) -> bool:
    every = sorted({value for mask in masks for value in mask.counts})
    if not every or every[0] < 0 or len(every) < 3:
        return False
    if not all(_may_have_instances(mask) for mask in masks):
        return False
    if every[-1] > MAX_CLASSES:
        steps = {
            after - before for before, after in zip(every, every[1:], strict=False)
        }
        return len(steps) > 1 or steps == {1}
    objects = [sorted(value for value in mask.counts if value) for mask in masks]
    numbers = {len(ids) for ids in objects if ids}
    without_gap = all(ids == list(range(1, len(ids) + 1)) for ids in objects)
    return without_gap and len(numbers) >= 3 and max(numbers) > MANY_OBJECTS


def _may_have_instances(mask: MaskValues) -> bool:
    most_common = max(mask.counts, key=lambda value: mask.counts[value])
    plain = len(mask.counts) < 3 or most_common == 0
    return plain and mask.has_objects and not mask.looks_smoothed


def _binary(
    masks: Sequence[MaskValues], kind: str, known: MaskCoding | None
) -> tuple[MaskCoding | None, list[Finding]]:
    many = [mask for mask in masks if len(mask.counts) > 2]
    wrong = [mask for mask in many if mask.looks_smoothed or mask.looks_like_image]
    if many and kind == "auto":
        # All that look wrong, or one to ask by.
        many = wrong or many[:1]
    if many:
        return None, [mask_refusals.too_many_values(mask, kind) for mask in many]
    seen: dict[int, str] = {}
    for mask in masks:
        seen |= {value: mask.file for value in mask.counts if value not in seen}
        if len(seen) > 2:
            return None, [mask_refusals.other_values(mask, sorted(seen))]
    if len(seen) < 2:
        return _one_value(seen, known)
    if max(seen) <= 0:
        problem = findings.error(
            "negative-ids",
            seen[min(seen)],
            f"has the values {min(seen)} and {max(seen)}: the greater is foreground, "
            "which would be the background.",
            "Write 0 and 1.",
        )
        return None, [problem]
    return MaskCoding("binary", max(seen), 2), []


def _one_value(
    seen: dict[int, str], known: MaskCoding | None
) -> tuple[MaskCoding | None, list[Finding]]:
    """Returns the coding of masks that are all background or all foreground."""
    value, name = next(iter(seen.items()), (0, ""))
    known_foreground = None if known is None else known.foreground
    if value == 0:
        return MaskCoding("binary", known_foreground or 1, 2), []
    if known_foreground not in (None, value):
        problem = findings.error(
            "one-value",
            name,
            f"all masks have the one value {value}; the run's foreground is "
            f"{known_foreground}, so it could be either.",
            "Add masks with both values.",
        )
        return None, [problem]
    return MaskCoding("binary", value, 2), []


def _classes(
    masks: Sequence[MaskValues],
) -> tuple[MaskCoding | None, list[Finding]]:
    found = list(_negative(masks))
    for mask in masks:
        top = max(mask.counts)
        if top >= MAX_CLASSES:
            found.append(
                findings.error(
                    "class-ids",
                    mask.file,
                    f"class ids must be 0 to {MAX_CLASSES - 1}, got {top}.",
                    "Number the classes from 0 on; if these are object ids, set "
                    f"mask_kind instances; if {top} marks pixels to leave out, say "
                    f"ignore_value {top}.",
                )
            )
    if not found:
        found += mask_refusals.smoothed_classes(masks)
    highest = max([1, *(max(mask.counts) for mask in masks)])
    if findings.errors(found):
        return None, found
    return MaskCoding("classes", None, highest + 1), found


def _instances(
    masks: Sequence[MaskValues],
) -> tuple[MaskCoding | None, list[Finding]]:
    found = list(_negative(masks))
    coding = None if found else MaskCoding("instances", None, 2)
    for mask in masks:
        if mask.looks_smoothed or mask.looks_like_image:
            found.append(mask_refusals.no_instances(mask))
    if len({value for mask in masks for value in mask.counts if value}) == 1:
        found.append(mask_refusals.one_id(masks))
    return coding, found


def _coloured(
    masks: Sequence[MaskValues], colours: tuple[str, ...]
) -> tuple[MaskCoding | None, list[Finding]]:
    found = []
    table = {int(colour, 16) for colour in colours}
    for mask in masks:
        others = {value: n for value, n in mask.counts.items() if value not in table}
        if others:
            found.append(mask_refusals.other_colours(mask, others))
    coding = MaskCoding("classes", None, max(2, len(colours)), tuple(colours))
    return (None if found else coding), found


def _negative(masks: Sequence[MaskValues]) -> Iterator[Finding]:
    for mask in masks:
        if min(mask.counts) < 0:
            yield findings.error(
                "negative-ids",
                mask.file,
                f"ids must not be negative, got {min(mask.counts)}.",
                "Write ids from 0 (background) on, or say ignore_value.",
            )
