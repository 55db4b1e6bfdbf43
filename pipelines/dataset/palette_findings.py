"""What shows only when the palettes of all masks are compared with each other."""

import collections
from collections.abc import Iterator

from pipelines.dataset import findings
from pipelines.dataset.dataset import Dataset
from pipelines.dataset.findings import Finding
from pipelines.dataset.mask_values import colour_name


def other_palettes(*datasets: Dataset) -> Iterator[Finding]:
    """Finds a colour that is one id in the palette of a mask, and another in others.

    Programs number colours as they meet them, so that ids are mixed up between masks.
    """
    if datasets[0].coding.kind == "instances":
        return
    known: dict[int, tuple[int, str]] = {}
    told: list[tuple[str, int, int]] = []
    pairs = [pair for dataset in datasets for pair in dataset.pairs]
    facts = [one for dataset in datasets for one in dataset.facts]
    for pair, one in zip(pairs, facts, strict=True):
        times = collections.Counter(one.mask_colours.values())
        for value, colour in one.mask_colours.items():
            if times[colour] > 1:
                continue
            first, _ = known.setdefault(colour, (value, pair.mask.name))
            if first != value:
                told.append((pair.mask.name, value, colour))
                break
    if told:
        name, value, colour = told[0]
        other, example = known[colour]
        more = "" if len(told) == 1 else f" ({len(told) - 1} more masks differ)"
        yield findings.warning(
            "palettes",
            name,
            f"by its palette the colour {colour_name(colour)} is the value {value}, "
            f"but in {example} it is {other}{more}: values are the classes, so these "
            "are mixed up.",
            "Save all masks with one palette; or save them as RGB and say what each "
            "colour is (class_colours).",
        )
