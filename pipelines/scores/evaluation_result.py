"""What an evaluation finds: scores as JSON and as a table."""

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.scores.pixels import class_scores

COLUMNS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "boundary_f1": "boundary F1",
    "hausdorff95": "Hausdorff 95 %",
}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a set; the fields are the keys of the JSON file.

    Scores that do not apply, or that were left out, are None.

    Attributes:
        classes: for each class its name and scores.
        mean_iou: mean of the IoU over the classes that occur.
        mean_dice: likewise.
        mean_precision: mean over the classes that are predicted.
        mean_recall: mean over the classes that are in the truth.
        pixel_error: share of the pixels whose class is wrong; None if all are ignored.
        threshold: on P(foreground).
        images: how many there are.
        v_rand: of the ISBI 2012 challenge, at the best threshold.
        v_info: of the ISBI 2012 challenge, at the best threshold.
        rand_error: without border thinning, at the best threshold.
        warping_error: share of pixels, at the best threshold; None for masks of
            instances.
        splits_and_mergers: share of the pixels that split or merge objects, at the
            best threshold: the warping error as the ISBI 2012 challenge reported it.
        best_thresholds: on P(inside), of each of these scores by its name.
        average_precision: of objects, by threshold on the IoU.
        hausdorff_unit: that hausdorff95 is in: "pixels", or that of the images.
        threshold_from: "run", "given" or "validation images".
        object_threshold: on P(foreground), of the objects of average_precision; None
            where it is `threshold`.
        smallest_object: pixels; predicted objects of fewer did not count. None from
            three classes on.
        inside: the class of objects: "foreground" or "background"; None from three
            classes on.
        flips: probabilities were averaged over flips and quarter turns.
        warnings: sentences on what makes the scores doubtful.
    """

    classes: list[dict[str, Any]]
    mean_iou: float | None
    pixel_error: float | None
    threshold: float | None
    images: int
    v_rand: float | None = None
    v_info: float | None = None
    rand_error: float | None = None
    warping_error: float | None = None
    splits_and_mergers: float | None = None
    best_thresholds: dict[str, float] | None = None
    average_precision: dict[str, float | None] | None = None
    mean_dice: float | None = None
    mean_precision: float | None = None
    mean_recall: float | None = None
    hausdorff_unit: str = "pixels"
    threshold_from: str | None = None
    object_threshold: float | None = None
    smallest_object: int | None = None
    inside: str | None = None
    flips: bool = False
    warnings: list[str] = dataclasses.field(default_factory=list)

    def to_json(self) -> str:
        """Returns the scores as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    def of_set(self) -> dict[str, float]:
        """Returns the scores of the whole set that there are, by name."""
        found = {
            "mean IoU": self.mean_iou,
            "mean Dice": self.mean_dice,
            "mean precision": self.mean_precision,
            "mean recall": self.mean_recall,
            "pixel error": self.pixel_error,
            "V_rand": self.v_rand,
            "V_info": self.v_info,
            "Rand error": self.rand_error,
            "warping error": self.warping_error,
            "splits and mergers": self.splits_and_mergers,
        }
        for threshold in ("0.5", "0.75"):
            precision = (self.average_precision or {}).get(threshold)
            found[f"average precision at {threshold}"] = precision
        return {name: value for name, value in found.items() if value is not None}

    def __str__(self) -> str:
        """Returns the scores as a table."""
        width = max(len("class"), *(len(row["name"]) for row in self.classes))
        widths = {name: max(9, len(head) + 2) for name, head in COLUMNS.items()}
        heads = "".join(f"{head:>{widths[name]}}" for name, head in COLUMNS.items())
        lines = [f"{'class':{width}}{heads}"]
        for row in self.classes:
            cells = "".join(
                f"{shown(row[name]):>{size}}" for name, size in widths.items()
            )
            lines.append(f"{row['name']:{width}}{cells}")
        lines.append(f"Hausdorff distances in {self.hausdorff_unit}")
        if self.inside is not None:
            least = f"{self.smallest_object} pixels and more"
            lines.append(f"Objects are of the {self.inside}, of {least}")
        if self.flips:
            lines.append("Probabilities are means over 8 flips and quarter turns")
        lines += [f"{name:26}{shown(value)}" for name, value in self.of_set().items()]
        chosen = ""
        if self.threshold is not None:
            chosen = f", threshold {self.threshold:g}"
            if self.object_threshold is not None:
                chosen += f", of objects {self.object_threshold:g}"
            chosen += f" ({self.threshold_from})"
        return "\n".join([*lines, f"{self.images} images{chosen}"])


def class_rows(names: Sequence[str], confusion: np.ndarray) -> list[dict[str, Any]]:
    """Returns `Evaluation.classes`, with the scores of pixels.

    Args:
        names: of the classes, in the order of their ids.
        confusion: int64 (num_classes, num_classes), truth by prediction.
    """
    columns = dataclasses.asdict(class_scores(confusion))
    return [
        {"name": name} | {score: defined(of[index]) for score, of in columns.items()}
        for index, name in enumerate(names)
    ]


def defined(value: float) -> float | None:
    """Returns a number as JSON takes it: None for what is not one."""
    return None if math.isnan(value) else float(value)


def shown(value: float | None) -> str:
    """Returns a score as text: a dash for none."""
    return "-" if value is None else f"{value:.4f}"
