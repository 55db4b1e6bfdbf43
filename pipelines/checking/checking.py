"""check: what a set of images and masks holds, before anything is trained on it."""

import contextlib
import pathlib

from pipelines.checking import preview
from pipelines.checking.data_report import DataReport, make_report
from pipelines.config import CheckConfig
from pipelines.dataset import (
    Dataset,
    findings,
    part_findings,
    split,
)
from pipelines.dataset.findings import Finding
from pipelines.dataset.part_findings import ONE_CLASS
from pipelines.dataset.survey import Survey, survey
from pipelines.images import find_images
from pipelines.results.writing import check_replaceable, write_bytes_atomically


def check(config: CheckConfig) -> DataReport:
    """Reads every image and mask and reports what the set holds and what is wrong.

    The images that `fit` would hold out with the same settings are compared with the
    others. Nothing stops at the first fault.

    Returns:
        What the set holds, and its `findings`; `str` of it is the table.

    Raises:
        ValueError: the set cannot be trained on; says why for the first file, and has
            the whole `DataReport` as its attribute `report`. Or a file of `config`
            cannot be written; that is seen before anything is read.
    """
    _check_outputs(config)
    found = survey(config, scaling=config.scaling)
    dataset = _dataset(found, config)
    of_whole = [] if dataset is None else part_findings.of_whole(dataset, config.masks)
    held_out, of_parts = _held_out(config, found, dataset)
    if findings.errors(of_whole):
        # What is wrong with the whole is wrong with its parts.
        of_parts = [one for one in of_parts if one.code != ONE_CLASS]
    report = make_report(
        found,
        None if dataset is None else dataset.class_counts(),
        held_out,
        [*found.findings, *of_whole, *of_parts],
        config.class_names,
    )
    if config.json:
        write_bytes_atomically(config.json, f"{report.to_json()}\n".encode())
    if config.preview and dataset is not None and not findings.errors(report.findings):
        write_bytes_atomically(config.preview, preview.preview(dataset, config))
    findings.refuse_errors(report.findings, "the table lists them", report)
    return report


def _check_outputs(config: CheckConfig) -> None:
    names = [name for name in (config.json, config.preview) if name]
    inputs = _inputs(config) if names else []
    for name in names:
        check_replaceable(pathlib.Path(name), inputs)
    if config.preview and pathlib.Path(config.preview).suffix.lower() != ".png":
        raise ValueError(
            f"{config.preview}: the preview is a PNG; give it a name that ends in .png."
        )


def _inputs(config: CheckConfig) -> list[pathlib.Path]:
    """Returns the files that are read; what is wrong with their names is told later."""
    found: list[pathlib.Path] = []
    for pattern in (
        *(config.images, config.masks),
        *(config.validation_images, config.validation_masks),
    ):
        with contextlib.suppress(ValueError, OSError):
            if pattern is not None:
                found += [entry.path for entry in find_images(pattern, damaged=True)]
    return found


def _dataset(found: Survey, config: CheckConfig) -> Dataset | None:
    """Returns the pairs that could be read; None if their masks are not understood."""
    if found.coding is None:
        return None
    return Dataset(
        found.pairs, found.facts, found.coding, config.scaling, config.class_names
    )


def _held_out(
    config: CheckConfig, found: Survey, dataset: Dataset | None
) -> tuple[int, list[Finding]]:
    """Returns how many images are held out, and what is wrong with them."""
    if config.validation_images is not None:
        return _held_out_of_their_own(config, found, dataset)
    if dataset is None or len(found.pairs) < found.pairs_found:
        # Which images are held out depends on those that are missing.
        return 0, []
    try:
        parts = split(dataset, config.validation_stems)
    except ValueError as problem:
        # fit would refuse; a set of one image may be there to be scored.
        tell = findings.error if config.validation_stems else findings.warning
        return 0, [tell("split", config.images, str(problem), "")]
    known = {finding.code for finding in findings.errors(found.findings)}
    of_parts = part_findings.of_parts(*parts)
    return len(parts[1].pairs), [one for one in of_parts if one.code not in known]


def _held_out_of_their_own(
    config: CheckConfig, found: Survey, dataset: Dataset | None
) -> tuple[int, list[Finding]]:
    held_out = survey(
        config,
        images=config.validation_images,
        masks=config.validation_masks,
        known=found.coding,
        scaling=config.scaling,
    )
    part = _dataset(held_out, config)
    # What is said of all masks of a part holds only if all could be read.
    complete = all(len(one.pairs) == one.pairs_found for one in (found, held_out))
    if dataset is not None and part is not None and complete:
        others = part_findings.of_parts(dataset, part)
    else:
        others = part_findings.leaks(found, held_out)
    return held_out.pairs_found, [*held_out.findings, *others]
