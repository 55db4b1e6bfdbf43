"""Scores of a set that go beyond counts of pixels, added up image by image."""

import dataclasses
import math
from collections.abc import Sequence

from pipelines import scores
from pipelines.dataset import Dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.validation import Segmented, true_objects

PIXELS = "pixels"


@dataclasses.dataclass(frozen=True)
class FoundScores:
    """Scores of a set; None where one does not apply.

    Attributes:
        boundary_f1: by class.
        hausdorff95: by class, in `hausdorff_unit`.
        hausdorff_unit: "pixels", or that of the images.
        v_rand: of the ISBI 2012 challenge, after border thinning.
        v_info: of the ISBI 2012 challenge, after border thinning.
        rand_error: one minus the Rand F-score without thinning.
        warping_error: share of pixels.
        average_precision: of objects, by threshold on the IoU.
        inside: the class of objects: "foreground" or "background".
        smallest_object: pixels; predicted objects of fewer did not count.
    """

    boundary_f1: list[float | None]
    hausdorff95: list[float | None]
    hausdorff_unit: str
    v_rand: float | None = None
    v_info: float | None = None
    rand_error: float | None = None
    warping_error: float | None = None
    average_precision: dict[str, float | None] | None = None
    inside: str | None = None
    smallest_object: int | None = None


class SetScores:
    """Adds up the scores of a set.

    Those of objects are for two classes. Objects are the connected components of the
    inside; those of masks of instances are their ids.

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
        self._boundaries = scores.BoundaryCounts(num_classes)
        binary = num_classes == 2
        self._instances = scores.InstanceCounts() if binary else None
        challenge = binary and not quick
        self._challenge = scores.ChallengeScores(self._inside) if challenge else None
        self._warping = scores.WarpingCounts(self._inside) if challenge else None

    def add(self, one: Segmented) -> None:
        """Adds an image."""
        y_pred = one.y_pred(self._threshold)
        size = self._sizes[one.index]
        self._boundaries.add(
            one.y_true,
            y_pred,
            one.scored,
            tolerance=tolerance(size),
            pixel_size=size,
        )
        if self._instances is not None:
            inside = one.y_pred(self._object_threshold) == self._inside
            found = scores.objects(inside, one.scored, smallest=self._smallest)
            truth = true_objects(self._dataset, one, self._inside)
            self._instances.add(truth, found, one.scored)
        for counts in (self._challenge, self._warping):
            if counts is not None:
                counts.add(one.y_true, one.probability[..., -1], one.scored)

    def result(self) -> FoundScores:
        """Returns the scores of all images so far."""
        challenge, warping, instances = self._challenge, self._warping, self._instances
        precision = None
        if instances is not None:
            found = instances.average_precision()
            precision = {name: defined(value) for name, value in found.items()}
        return FoundScores(
            boundary_f1=[defined(x) for x in self._boundaries.boundary_f1()],
            hausdorff95=[defined(x) for x in self._boundaries.hausdorff95()],
            hausdorff_unit=self._unit,
            v_rand=defined(challenge.v_rand()) if challenge else None,
            v_info=defined(challenge.v_info()) if challenge else None,
            rand_error=defined(challenge.rand_error()) if challenge else None,
            warping_error=defined(warping.warping_error()) if warping else None,
            average_precision=precision,
            inside=self._inside_name if instances is not None else None,
            smallest_object=self._smallest if instances is not None else None,
        )


def pixel_sizes(
    facts: Sequence[ImageFacts],
) -> tuple[list[tuple[float, float]], str]:
    """Returns height and width of the pixels of each image, and their unit.

    Pixels of 1 by 1 "pixels" unless all images say a size, in one unit.
    """
    sizes = [one.pixel_size for one in facts]
    units = {size[2] if size else None for size in sizes}
    unit = units.pop() if len(units) == 1 else None
    if unit is None:
        return [(1.0, 1.0)] * len(sizes), PIXELS
    return [(size[0], size[1]) for size in sizes if size], unit


def tolerance(pixel_size: tuple[float, float]) -> float:
    """Returns the tolerance of boundaries in pixels as a length.

    Of pixels that are not square the side of a square one of that area is taken.
    """
    # Distances of just so many pixels are within it, whatever rounding does.
    return scores.TOLERANCE * math.sqrt(pixel_size[0] * pixel_size[1]) * (1 + 1e-6)


def defined(value: float) -> float | None:
    """Returns a number as JSON takes it: None for what is not one."""
    return None if math.isnan(value) else float(value)
