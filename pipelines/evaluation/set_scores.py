"""Scores of a set that go beyond counts of pixels, added up image by image."""

import copy
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines import scores
from pipelines.dataset import Dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.scores.evaluation_result import Evaluation, defined
from pipelines.validation import Segmented, true_labels, true_objects

PIXELS = "pixels"


@dataclasses.dataclass(frozen=True)
class _Counts:
    """What is added up; None for scores that do not apply or are left out."""

    boundaries: scores.BoundaryCounts
    instances: scores.InstanceCounts | None
    challenge: scores.ChallengeScores | None
    warping: scores.WarpingCounts | None


class SetScores:
    """Adds up the scores of a set.

    Those of objects are for two classes. Objects are the connected components of the
    inside; where they have a threshold of their own, they grow to the outlines of the
    mask (see `scores.objects`). Those of masks of instances are their ids. Since these
    may touch, such masks have no borders that could be warped, and no warping error.

    Args:
        dataset: that is scored.
        num_classes: with the background.
        threshold: on P(foreground); None from three classes on.
        object_threshold: that of objects; None for the same.
        inside: the class of objects, "foreground" or "background".
        smallest_object: pixels; predicted objects of fewer are none.
        quick: leave out the scores of the challenge.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_classes: int,
        threshold: float | None,
        *,
        object_threshold: float | None = None,
        inside: str = "foreground",
        smallest_object: int = 1,
        quick: bool = False,
    ) -> None:
        self._dataset = dataset
        self._threshold = threshold
        self._object_threshold = threshold
        if object_threshold is not None:
            self._object_threshold = object_threshold
        self._inside_name = inside
        self._inside = int(inside == "foreground")
        self._smallest = smallest_object
        self._sizes, self._unit = pixel_sizes(dataset.facts)
        binary = num_classes == 2
        challenge = binary and not quick
        touching = dataset.coding.kind == "instances"
        self._counts = _Counts(
            scores.BoundaryCounts(num_classes),
            scores.InstanceCounts() if binary else None,
            scores.ChallengeScores(self._inside) if challenge else None,
            scores.WarpingCounts(self._inside) if challenge and not touching else None,
        )

    def add(self, one: Segmented) -> None:
        """Adds an image; one that fails leaves nothing behind."""
        counts = copy.deepcopy(self._counts)
        y_pred = one.y_pred(self._threshold)
        size = self._sizes[one.index]
        counts.boundaries.add(
            one.y_true,
            y_pred,
            one.scored,
            tolerance=tolerance(size),
            pixel_size=size,
        )
        if counts.instances is not None:
            inside = one.y_pred(self._object_threshold) == self._inside
            truth, scored = true_objects(
                self._dataset, one, self._smallest, self._inside
            )
            found = scores.objects(
                inside, scored, smallest=self._smallest, within=y_pred == self._inside
            )
            counts.instances.add(truth, found, scored)
        # NaN, which a net that has diverged puts out, is above no threshold.
        foreground = np.nan_to_num(one.probability[..., -1], nan=0.0)
        image = one.y_true, foreground, one.scored
        if counts.challenge is not None:
            # Which divides what ignored pixels cut.
            cells = true_labels(self._dataset, one, self._inside)
            counts.challenge.add(*image, true_cells=cells)
        if counts.warping is not None:
            counts.warping.add(*image)
        self._counts = counts

    def added_to(self, evaluation: Evaluation) -> Evaluation:
        """Returns scores of pixels with those of all images so far beside them."""
        boundaries = self._counts.boundaries
        f1, hausdorff95 = boundaries.boundary_f1(), boundaries.hausdorff95()
        classes = [
            row
            | {
                "boundary_f1": defined(f1[index]),
                "hausdorff95": defined(hausdorff95[index]),
            }
            for index, row in enumerate(evaluation.classes)
        ]
        evaluation = dataclasses.replace(
            evaluation, classes=classes, hausdorff_unit=self._unit
        )
        if self._counts.instances is None:
            return evaluation
        precision = self._counts.instances.average_precision()
        return dataclasses.replace(
            evaluation,
            average_precision={name: defined(x) for name, x in precision.items()},
            inside=self._inside_name,
            smallest_object=self._smallest,
            **self._of_the_challenge(),
        )

    def _of_the_challenge(self) -> dict[str, Any]:
        """Returns fields of `Evaluation`, those that there are."""
        challenge, warping = self._counts.challenge, self._counts.warping
        if challenge is None:
            return {}
        found = {
            "v_rand": challenge.v_rand(),
            "v_info": challenge.v_info(),
            "rand_error": challenge.rand_error(),
        }
        thresholds = challenge.best_thresholds()
        if warping is not None:
            found["warping_error"] = warping.warping_error()
            found["splits_and_mergers"] = warping.splits_and_mergers()
            thresholds |= warping.best_thresholds()
        values = {name: defined(value) for name, value in found.items()}
        return {**values, "best_thresholds": thresholds}


def pixel_sizes(
    facts: Sequence[ImageFacts],
) -> tuple[list[tuple[float, float]], str]:
    """Returns height and width of the pixels of each image, and their unit.

    Pixels of 1 by 1 "pixels" unless all images say a size, in one unit.
    """
    sizes = [one.pixel_size for one in facts]
    units = {size.unit if size else None for size in sizes}
    unit = units.pop() if len(units) == 1 else None
    if unit is None:
        return [(1.0, 1.0)] * len(sizes), PIXELS
    return [(size.height, size.width) for size in sizes if size], unit


def tolerance(pixel_size: tuple[float, float]) -> float:
    """Returns the tolerance of boundaries in pixels as a length.

    Of pixels that are not square the side of a square one of that area is taken.
    """
    # Distances of just so many pixels are within it, whatever rounding does.
    return scores.TOLERANCE * math.sqrt(pixel_size[0] * pixel_size[1]) * (1 + 1e-6)
