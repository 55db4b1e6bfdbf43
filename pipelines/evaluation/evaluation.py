"""evaluate: scores of a trained model on a set of images with masks."""

import dataclasses
import logging
import pathlib

from pipelines import run_folder, scaling, scores
from pipelines.config import EvaluateConfig
from pipelines.config.class_names import check_number
from pipelines.dataset import Dataset, load_dataset, palette_findings
from pipelines.evaluation.output_files import check_outputs, kept
from pipelines.evaluation.seen_images import seen_images
from pipelines.evaluation.set_scores import SetScores
from pipelines.evaluation.threshold_choice import Threshold, choose_threshold
from pipelines.evaluation.unscored import Unscored
from pipelines.images.reading import check_channels
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net
from pipelines.overlap_tile.flip_average import FlipAverage
from pipelines.report import write_report
from pipelines.results.writing import write_bytes_atomically
from pipelines.run_folder import Run, RunRecord
from pipelines.scores.evaluation_result import Evaluation, class_rows, defined
from pipelines.scores.image_scores import extremes
from pipelines.validation import Validation, pictures_of, validate

logger = logging.getLogger(__name__)

# Of the worst images, and of the best.
NUM_PICTURES = 2


def evaluate(config: EvaluateConfig) -> Evaluation:
    """Scores a run on images with masks.

    Counts are added up over all images, then divided once. Images are read and scored
    one by one, each whole: they must fit in memory, with what the net puts out.

    Returns:
        The scores; `str` of them is the table that the command prints.

    Raises:
        ValueError: data or run cannot be read or do not fit each other, or `json` or
            `report` cannot be written; or there is no memory for an image: then its
            `report` has the scores of the others, and they are written.
    """
    check_outputs(config)
    run = run_folder.load(config.model)
    # In the place of the model, which then takes no memory.
    run = dataclasses.replace(
        run, model=inference_net(run.model), record=_named(config, run)
    )
    net = (FlipAverage if config.flips else Net)(run.model)
    dataset = _load_data(config, run, net)
    pairs = dataset.pairs
    check_outputs(config, [e.path for pair in pairs for e in (pair.image, pair.mask)])
    warnings = [
        *seen_images(dataset, run.record),
        *scaling.doubts_of_types(
            run.record.scaling, run.record.pixel_types, dataset.pixel_types
        ),
        *map(str, palette_findings.other_palettes(dataset)),
    ]
    for warning in warnings:
        logger.warning("Warning: %s", warning)
    threshold = choose_threshold(
        config.threshold, run.record, net, dataset, _smallest_object(config, run)
    )
    unscored = Unscored(dataset, _cheaper(config, net))
    result, evaluation = _scored(
        config, run, net, dataset, threshold, warnings, unscored
    )
    with kept(evaluation, config.json):
        if config.json:
            write_bytes_atomically(config.json, f"{evaluation.to_json()}\n".encode())
    with kept(evaluation, config.report):
        if config.report:
            scored = unscored.scored()
            _write_report(config, run, net, scored, result, evaluation, threshold)
    if unscored.sentences:
        raise unscored.error(evaluation)
    return evaluation


def _named(config: EvaluateConfig, run: Run) -> RunRecord:
    """Returns the run's record, with other names of its classes if some are given."""
    names = config.class_names or tuple(run.record.classes)
    check_number(names, len(run.record.classes), f"{run.path} has")
    return dataclasses.replace(run.record, classes=[*names])


def _scored(
    config: EvaluateConfig,
    run: Run,
    net: Net,
    dataset: Dataset,
    threshold: Threshold,
    warnings: list[str],
    unscored: Unscored,
) -> tuple[Validation, Evaluation]:
    """Scores the images; those that fail go to `unscored`, unless all do."""
    others = SetScores(
        dataset,
        max(2, net.output_channels),
        threshold.value,
        object_threshold=threshold.of_objects,
        inside=config.inside,
        smallest_object=_smallest_object(config, run),
        quick=config.scores == "quick",
    )
    result = validate(
        net,
        dataset,
        threshold=threshold.value,
        progress="Scoring",
        on_image=others.add,
        on_failure=unscored.add,
    )
    if not result.images:
        raise unscored.error(None)
    warnings = [*warnings, *unscored.sentences.values()]
    evaluation = _evaluation(config, run, result, threshold, warnings)
    return result, others.added_to(evaluation)


def _cheaper(config: EvaluateConfig, net: Net) -> str:
    """Returns what takes less memory than all that is wanted, as half a sentence."""
    if config.scores == "quick" or net.output_channels > 2:
        return ""
    return ", or set scores to quick, which takes less memory"


def _smallest_object(config: EvaluateConfig, run: Run) -> int:
    """Returns the pixels of the smallest object; the run's is that of foreground."""
    known = run.record.smallest_object if config.inside == "foreground" else 1
    return config.smallest_object or known


def _load_data(config: EvaluateConfig, run: Run, net: Net) -> Dataset:
    num_classes = max(2, net.output_channels)
    if num_classes > 2 and (config.smallest_object or config.inside != "foreground"):
        raise ValueError(
            "inside and smallest_object are of objects, which are scored in masks of "
            f"two classes; the model tells {num_classes} apart. Leave them out."
        )
    kind = (
        run.record.mask_coding.kind if config.mask_kind == "auto" else config.mask_kind
    )
    if kind == "instances" and config.inside == "background":
        raise ValueError(
            "inside=background is for masks whose foreground lies between the objects, "
            "such as membranes; in masks of instances the objects are the ids. Leave "
            "inside out, or score with mask_kind binary."
        )
    dataset = load_dataset(
        config, known=run.record.mask_coding, scaling=run.record.scaling
    )
    if dataset.coding.num_classes > num_classes:
        raise ValueError(
            f"{config.masks}: {dataset.coding.num_classes} classes, but the model "
            f"knows {num_classes}. Score masks of the kind it was trained on."
        )
    alpha = all(one.has_alpha for one in dataset.facts)
    check_channels(dataset.channels, net.channels, config.images, alpha=alpha)
    return dataset.of_channels(net.channels)


def _evaluation(
    config: EvaluateConfig,
    run: Run,
    result: Validation,
    threshold: Threshold,
    warnings: list[str],
) -> Evaluation:
    """Returns what follows from the counts of pixels."""
    means = {
        name: defined(value)
        for name, value in scores.mean_scores(result.confusion).items()
    }
    return Evaluation(
        classes=class_rows(run.record.classes, result.confusion),
        mean_iou=means["iou"],
        mean_dice=means["dice"],
        mean_precision=means["precision"],
        mean_recall=means["recall"],
        pixel_error=defined(scores.pixel_error(result.confusion)),
        threshold=threshold.value,
        images=len(result.images),
        threshold_from=threshold.source,
        object_threshold=threshold.of_objects,
        flips=config.flips,
        warnings=warnings,
    )


def _write_report(
    config: EvaluateConfig,
    run: Run,
    net: Net,
    dataset: Dataset,
    result: Validation,
    evaluation: Evaluation,
    threshold: Threshold,
) -> None:
    """Writes the page: the best and the worst images are segmented once more."""
    notes = extremes(result.images, NUM_PICTURES)
    has_history = (run.path / run_folder.HISTORY).is_file()
    path = pathlib.Path(str(config.report))
    facts = {
        "Images": f"{len(dataset.pairs)}: {config.images}",
        "Masks": f"{config.masks} ({dataset.coding.in_words})",
        "Threshold": str(threshold),
        "Passes": "8, flipped and turned" if config.flips else "1",
    }
    if evaluation.inside is not None:
        # In the place of what the run has.
        facts["Threshold of objects"] = f"{threshold.of_objects or threshold.value:g}"
        facts["Objects"] = (
            f"of the {evaluation.inside}, {evaluation.smallest_object} pixels and more"
        )
    write_report(
        path,
        title=f"Scores of the run {run.path.name}",
        record=run.record,
        history=run_folder.load_history(run.path) if has_history else [],
        pictures=list(pictures_of(net, dataset, notes, threshold.value)),
        facts=facts,
        validation=result,
        evaluation=evaluation,
    )
