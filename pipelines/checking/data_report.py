"""What a check says: facts of a data set, its classes and the findings, as a table."""

import collections
import dataclasses
import json
from collections.abc import Iterable, Sequence

import numpy as np

from pipelines.dataset import findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.mask_values import class_names
from pipelines.dataset.survey import Survey

# Sizes and types that the table lists; the JSON file has all.
LISTED = 5


@dataclasses.dataclass(frozen=True)
class ClassFacts:
    """How often a class occurs.

    Attributes:
        name: of the class.
        share: of all pixels that are not ignored.
        masks: how many masks have it.
    """

    name: str
    share: float
    masks: int


@dataclasses.dataclass(frozen=True)
class DataReport:
    """What a check found; the fields are the keys of the JSON file.

    Attributes:
        images: how many pairs could be read.
        unreadable: how many others there are.
        held_out: how many images are held out for validation.
        sizes: "height x width" and how many images have it.
        channels: and how many images have as many.
        dtypes: types of the pixels and how many images have it.
        mask_kind: binary, classes or instances; None if that is not clear.
        masks: what the values of the masks are taken for, in words.
        classes: how often each occurs; empty if the masks are not understood.
        ignored: share of the pixels that are ignored.
        empty_masks: how many masks hold only background.
        findings: errors and warnings.
    """

    images: int
    unreadable: int
    held_out: int
    sizes: dict[str, int]
    channels: dict[str, int]
    dtypes: dict[str, int]
    mask_kind: str | None
    masks: str
    classes: list[ClassFacts]
    ignored: float
    empty_masks: int
    findings: tuple[Finding, ...]

    def to_json(self) -> str:
        """Returns everything as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    def __str__(self) -> str:
        """Returns facts, classes and findings as a table."""
        others = f", {self.unreadable} not read" if self.unreadable else ""
        rows = [
            ("images with masks", f"{self.images}{others}"),
            ("held out for validation", str(self.held_out)),
            ("sizes", _listed(self.sizes)),
            ("channels", _listed(self.channels)),
            ("pixel types", _listed(self.dtypes)),
            ("masks", self.masks),
        ]
        if self.classes:
            rows.append(("masks of background only", str(self.empty_masks)))
        if self.ignored:
            rows.append(("pixels ignored", f"{self.ignored:.2%}"))
        lines = [f"{name:26}{value}" for name, value in rows]
        if self.classes:
            width = max(26, *(len(one.name) for one in self.classes))
            lines += ["", f"{'class':{width}}{'pixels':>9}{'in masks':>11}"]
            lines += [
                f"{one.name:{width}}{one.share:>9.2%}{one.masks:>11}"
                for one in self.classes
            ]
        return "\n".join([*lines, "", *findings.table(self.findings), self._summary()])

    def _summary(self) -> str:
        wrong = len(findings.errors(self.findings))
        others = len(self.findings) - wrong
        return f"{_number(wrong, 'error')}, {_number(others, 'warning')}"


def make_report(
    found: Survey,
    counts: np.ndarray | None,
    held_out: int,
    all_findings: Sequence[Finding],
    names: Sequence[str] = (),
) -> DataReport:
    """Returns the report of a survey.

    Args:
        found: what reading the set has shown.
        counts: pixels of each class in each mask, (images, num_classes); None if the
            masks are not understood.
        held_out: how many images are held out.
        all_findings: of the set, its classes and its validation images.
        names: of the classes, if any are given.
    """
    facts = found.facts
    pixels = sum(one.height * one.width for one in facts)
    if counts is None:
        counts = np.zeros((0, 0), np.int64)
    ignored = 1 - int(counts.sum()) / pixels if counts.size else 0.0
    return DataReport(
        images=len(facts),
        unreadable=found.pairs_found - len(facts),
        held_out=held_out,
        sizes=_counted(f"{one.height}x{one.width}" for one in facts),
        channels=_counted(str(one.channels) for one in facts),
        dtypes=_counted(one.dtype for one in facts),
        mask_kind=found.coding.kind if found.coding else None,
        masks=found.coding.in_words if found.coding else "not understood, see below",
        classes=_classes(counts, names),
        ignored=ignored,
        empty_masks=int((counts[:, 1:].sum(axis=1) == 0).sum()),
        findings=tuple(all_findings),
    )


def _classes(counts: np.ndarray, given: Sequence[str]) -> list[ClassFacts]:
    shares = counts.sum(axis=0) / max(1, counts.sum())
    masks = (counts > 0).sum(axis=0)
    # Of wrong names there may be more than classes.
    names = class_names(counts.shape[1], given)[: counts.shape[1]]
    columns = zip(names, shares.tolist(), masks.tolist(), strict=True)
    return [ClassFacts(*column) for column in columns]


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(collections.Counter(values).most_common())


def _listed(counts: dict[str, int]) -> str:
    parts = [f"{name} ({count})" for name, count in list(counts.items())[:LISTED]]
    more = len(counts) - len(parts)
    return ", ".join([*parts, *([f"{more} more"] if more else [])]) or "none"


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
