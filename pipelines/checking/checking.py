"""check: what a set of images and masks holds, before anything is trained on it."""

import pathlib

from pipelines.checking import preview
from pipelines.checking.data_report import DataReport, make_report
from pipelines.config import CheckConfig
from pipelines.dataset import Dataset, findings, set_findings, split
from pipelines.dataset.findings import Finding
from pipelines.dataset.survey import Survey, survey
from pipelines.images.writing import write_bytes_atomically


def check(config: CheckConfig) -> DataReport:
    """Reads every image and mask and reports what the set holds and what is wrong.

    The images that `fit` would hold out with the same settings are compared with the
    others. Nothing stops at the first fault.

    Raises:
        ValueError: the set cannot be trained on; says why for the first file, and has
            the whole `DataReport` as its attribute `report`.
    """
    found = survey(config, scaling=config.scaling)
    dataset = _dataset(found, config.scaling)
    others = [] if dataset is None else _of_classes(dataset, config.masks)
    held_out, about_held_out = _held_out(config, found, dataset)
    report = make_report(
        found,
        None if dataset is None else dataset.class_counts(),
        held_out,
        [*found.findings, *others, *about_held_out],
    )
    if config.json:
        _write(config.json, f"{report.to_json()}\n".encode())
    if config.preview and dataset is not None and not findings.errors(report.findings):
        _write(config.preview, preview.preview(dataset, config))
    findings.refuse_errors(report.findings, "the table lists them", report)
    return report


def _dataset(found: Survey, scaling: str) -> Dataset | None:
    """Returns the pairs that could be read; None if their masks are not understood."""
    if found.coding is None:
        return None
    return Dataset(found.pairs, found.facts, found.coding, scaling)


def _of_classes(dataset: Dataset, masks: str) -> list[Finding]:
    return set_findings.of_classes(
        dataset.pairs, dataset.class_counts(), dataset.class_names, masks
    )


def _held_out(
    config: CheckConfig, found: Survey, dataset: Dataset | None
) -> tuple[int, list[Finding]]:
    """Returns how many images are held out, and what is wrong with them."""
    if config.validation_images is not None:
        held_out = survey(
            config,
            images=config.validation_images,
            masks=config.validation_masks,
            known=found.coding,
            scaling=config.scaling,
        )
        leaks = set_findings.leaks(
            (found.pairs, found.facts), (held_out.pairs, held_out.facts)
        )
        return held_out.pairs_found, [*held_out.findings, *leaks]
    if dataset is None or len(found.pairs) < found.pairs_found:
        # Which images are held out depends on those that are missing.
        return 0, []
    try:
        kept, other = split(dataset, config.validation_stems)
    except ValueError as problem:
        # fit would refuse; a set of one image may be there to be scored.
        tell = findings.error if config.validation_stems else findings.warning
        return 0, [tell("split", config.images, str(problem), "")]
    leaks = set_findings.leaks((kept.pairs, kept.facts), (other.pairs, other.facts))
    return len(other.pairs), leaks


def _write(name: str, data: bytes) -> None:
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomically(path, data)
