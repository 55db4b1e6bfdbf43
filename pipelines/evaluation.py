"""evaluate: scores of a trained model on a set of images with masks."""

import dataclasses
import json
import math
import pathlib
from typing import Any

from pipelines import run_folder, scores
from pipelines.config import EvaluateConfig
from pipelines.dataset import load_dataset
from pipelines.images.writing import write_bytes_atomically
from pipelines.overlap_tile import Net
from pipelines.validation import validate

BY_CLASS = ("iou", "dice", "precision", "recall", "boundary_f1", "hausdorff95")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a set; the fields are the keys of the JSON file.

    Scores that do not apply, or are not built yet, are None.

    Attributes:
        classes: for each class its name and scores.
        mean_iou: mean of the IoU over the classes that occur.
        pixel_error: share of the pixels whose class is wrong.
        threshold: on P(foreground), from the run.
        images: how many there are.
    """

    classes: list[dict[str, Any]]
    mean_iou: float | None
    pixel_error: float
    threshold: float | None
    images: int
    v_rand: float | None = None
    v_info: float | None = None
    rand_error: float | None = None
    warping_error: float | None = None
    average_precision: dict[str, float] | None = None

    def to_json(self) -> str:
        """Returns the scores as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    def __str__(self) -> str:
        """Returns the scores as a table."""
        columns = ("iou", "dice", "precision", "recall")
        width = max(len("class"), *(len(row["name"]) for row in self.classes))
        lines = [f"{'class':{width}}" + "".join(f"{name:>11}" for name in columns)]
        for row in self.classes:
            cells = "".join(f"{_shown(row[name]):>11}" for name in columns)
            lines.append(f"{row['name']:{width}}{cells}")
        chosen = "" if self.threshold is None else f", threshold {self.threshold:g}"
        lines.append(
            f"mean IoU {_shown(self.mean_iou)}, pixel error {self.pixel_error:.4f}, "
            f"{self.images} images{chosen}"
        )
        return "\n".join(lines)


def evaluate(config: EvaluateConfig) -> Evaluation:
    """Scores a run on images with masks, at the run's threshold.

    Counts are added up over all images, then divided once.

    Raises:
        ValueError: data or run cannot be read or do not fit each other.
    """
    run = run_folder.load(config.model)
    kind = run.record.coding.kind if config.mask_kind == "auto" else config.mask_kind
    config = dataclasses.replace(config, mask_kind=kind)
    dataset = load_dataset(config, known=run.record.coding, scaling=run.record.scaling)
    net = Net(run.model)
    num_classes = max(2, net.num_channels)
    if dataset.coding.num_classes > num_classes:
        raise ValueError(
            f"{config.masks}: {dataset.coding.num_classes} classes, but the model "
            f"knows {num_classes}. Score masks of the kind it was trained on."
        )
    if dataset.channels != net.channels:
        raise ValueError(
            f"{config.images}: {dataset.channels} channels, but the model takes "
            f"{net.channels}. Score images of the kind it was trained on."
        )
    result = validate(
        net, dataset, threshold=run.record.threshold, progress="Segmenting"
    )
    evaluation = _evaluation(
        result.confusion, run.record.classes, run.record.threshold, len(dataset.pairs)
    )
    if config.json:
        path = pathlib.Path(config.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(path, f"{evaluation.to_json()}\n".encode())
    return evaluation


def _evaluation(
    confusion: Any, names: list[str], threshold: float | None, images: int
) -> Evaluation:
    found = scores.class_scores(confusion)
    classes = [
        {"name": name}
        | {
            score: _number(getattr(found, score)[index])
            if hasattr(found, score)
            else None
            for score in BY_CLASS
        }
        for index, name in enumerate(names)
    ]
    return Evaluation(
        classes=classes,
        mean_iou=_number(scores.mean_iou(confusion)),
        pixel_error=scores.pixel_error(confusion),
        threshold=threshold,
        images=images,
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
