"""All pairs of a data set read once, and what is wrong with them, file by file."""

import concurrent.futures
import dataclasses
from typing import Any

import tqdm

from pipelines.config import DataConfig
from pipelines.dataset import inspection, mask_kinds, mask_refusals, set_findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.inspection import ImageFacts, Inspection
from pipelines.dataset.mask_kinds import MaskSettings
from pipelines.dataset.mask_values import MaskCoding, MaskValues
from pipelines.dataset.pairing import Affixes, Pair, find_pairs
from pipelines.images import ArrayCache
from pipelines.processors import count_processors

# Files that are read at once: reading, hashing and adding up leave Python's lock.
MOST_THREADS = 4


@dataclasses.dataclass(frozen=True)
class Survey:
    """What reading a set has shown.

    Attributes:
        pairs: those that could be read.
        facts: of each of them.
        coding: what the values of the masks mean; None if that is not clear.
        findings: errors and warnings, by file, then those of the set.
        pairs_found: how many there are, readable or not.
    """

    pairs: tuple[Pair, ...]
    facts: tuple[ImageFacts, ...]
    coding: MaskCoding | None
    findings: tuple[Finding, ...]
    pairs_found: int


def survey(
    config: DataConfig,
    *,
    images: str | None = None,
    masks: str | None = None,
    known: MaskCoding | None = None,
    scaling: str = "per_image",
    cache: ArrayCache | None = None,
) -> Survey:
    """Pairs images with masks and reads all of them once, block by block.

    Args:
        config: patterns of images and masks, and what mask values mean.
        images: pattern of other images to read in the same way.
        masks: pattern of their masks.
        known: how the masks of the same run were read; decides what `config` leaves
            open.
        scaling: of the pixels: "per_image" or "dtype".
        cache: of decoded images.

    Raises:
        ValueError: a pattern names nothing.
    """
    pairs, found = find_pairs(
        images or config.images,
        masks or config.masks,
        Affixes(config.image_prefix, config.image_suffix),
        Affixes(config.mask_prefix, config.mask_suffix),
    )
    settings = _mask_settings(config, known)
    inspections = _inspect_all(
        pairs, how=scaling, in_colour=bool(settings.colours), cache=cache
    )
    readable: list[Pair] = []
    facts: list[ImageFacts] = []
    for pair, inspected in zip(pairs, inspections, strict=True):
        found += inspected.findings
        if inspected.facts is not None:
            readable.append(pair)
            facts.append(inspected.facts)
    coding = None
    if facts:
        values = _values(readable, facts)
        coding, others = mask_kinds.recognise(values, settings, known)
        found += others
        if coding is not None and known is None:
            found += _misnamed(config, values, coding)
        found += set_findings.of_images(readable, facts)
    return Survey(tuple(readable), tuple(facts), coding, tuple(found), len(pairs))


def _mask_settings(config: DataConfig, known: MaskCoding | None) -> MaskSettings:
    """Returns what the user says of the masks, or else what the run took them for."""
    kind, colours, ignored = (
        config.mask_kind,
        config.class_colours,
        config.ignore_value,
    )
    if known is not None:
        kind = known.kind if kind == "auto" else kind
        colours = colours or known.colours
        ignored = known.ignore_value if ignored is None else ignored
    return MaskSettings(kind, colours, ignored)


def _misnamed(
    config: DataConfig, values: list[MaskValues], coding: MaskCoding
) -> list[Finding]:
    """Returns what is wrong with the number of the names."""
    names, room = config.class_names, getattr(config, "num_classes", None)
    # With num_classes, of `fit`, the settings have been checked against it.
    if room is not None or len(names) in (0, coding.num_classes):
        return []
    return [mask_refusals.other_number_of_names(values, coding, names, config.masks)]


def _inspect_all(pairs: list[Pair], **options: Any) -> list[Inspection]:
    """Inspects pairs on several threads; the order is kept."""
    threads = min(MOST_THREADS, count_processors(), max(1, len(pairs)))
    executor = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        results = executor.map(lambda pair: inspection.inspect(pair, **options), pairs)
        progress = tqdm.tqdm(
            results, "Checking", total=len(pairs), unit="image", disable=None
        )
        return list(progress)
    finally:
        # After Ctrl-C the files that wait are not read.
        executor.shutdown(cancel_futures=True)


def _values(pairs: list[Pair], facts: list[ImageFacts]) -> list[MaskValues]:
    return [
        MaskValues(pair.mask.name, one.mask_counts, one.mask_runs, one.mask_in_colour)
        for pair, one in zip(pairs, facts, strict=True)
    ]
