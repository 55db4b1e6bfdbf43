"""The threshold at which a net finds the objects of a set best, one by one."""

from collections.abc import Callable

import numpy as np

from pipelines import scores
from pipelines.dataset import Dataset
from pipelines.images import ArrayCache
from pipelines.overlap_tile import Net
from pipelines.validation.segmented import Parts, Segmented
from pipelines.validation.validation import validate

# Thresholds on P(foreground) that are tried: 0.1, 0.15, ..., 0.8.
TRIED = tuple(round(0.05 * step, 2) for step in range(2, 17))
# On the IoU of two objects.
IOU = 0.5
# Average precisions that count as equal. Since objects grow to the outlines of the
# mask, they hardly fall at thresholds that are too high for images of other kinds.
ALIKE = 0.01


def true_labels(
    dataset: Dataset,
    one: Segmented,
    inside: int = 1,
    cache: ArrayCache | None = None,
) -> np.ndarray:
    """Returns the numbers of the true objects of an image, or of a part of it.

    Those of masks of instances are their ids, all others are the connected components
    of a class.

    Args:
        dataset: that the image is of.
        one: the image.
        inside: the class of objects, where they are components.
        cache: of decoded masks; None decodes into memory, for each part anew.

    Returns:
        Integers (height, width), 0 for the background.
    """
    if dataset.coding.kind != "instances":
        return scores.objects(one.y_true == inside, one.scored)
    with dataset.open_labels(one.index, cache) as source:
        return source.window(one.top, one.left, *one.y_true.shape)[..., 0]


def true_objects(
    dataset: Dataset,
    one: Segmented,
    smallest: int,
    inside: int = 1,
    cache: ArrayCache | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers of the true objects; those that are cut are in parts.

    See `true_labels` and `scores.without_cuts`.

    Args:
        dataset: that the image is of.
        one: the image.
        smallest: pixels; what is left of an object beside ignored pixels is ignored
            if it has fewer.
        inside: as of `true_labels`.
        cache: as of `true_labels`.

    Returns:
        Integers (height, width), 0 for the background and for ignored pixels; and
        bool, True where a pixel is scored.
    """
    labels = true_labels(dataset, one, inside, cache)
    return scores.without_cuts(labels, one.scored, smallest=smallest)


class ObjectThresholds:
    """Matches of objects at several thresholds, added up image by image.

    A mask as a whole may be best at a threshold at which objects that touch are still
    one; so numbered objects have a threshold of their own. They grow to the outlines of
    the mask, see `scores.objects`. Of an image that is added in parts the objects are
    those of each part.

    Args:
        dataset: that the images are of.
        smallest: pixels; predicted objects of fewer are none.
        of_masks: the threshold of masks, which is tried as well.
        cache: of decoded masks; see `true_objects`.
    """

    def __init__(
        self,
        dataset: Dataset,
        smallest: int,
        of_masks: float,
        cache: ArrayCache | None = None,
    ) -> None:
        self._dataset, self._smallest, self._cache = dataset, smallest, cache
        self._of_masks = of_masks
        tried = (*TRIED, of_masks)
        self._counts = {one: scores.InstanceCounts((IOU,)) for one in tried}

    def add(self, one: Segmented) -> None:
        """Adds an image, or a part of one."""
        truth, scored = true_objects(
            self._dataset, one, self._smallest, cache=self._cache
        )
        foreground = one.probability[..., -1]
        mask = foreground > np.float32(self._of_masks)
        for threshold, counts in self._counts.items():
            found = scores.objects(
                foreground > np.float32(threshold),
                scored,
                smallest=self._smallest,
                within=mask,
            )
            counts.add(truth, found, scored)

    def best(self) -> float:
        """Returns the threshold of the highest average precision at an IoU of 0.5.

        Of all within `ALIKE` of it, that nearest to the threshold of masks, which is
        taken where no object is found at any.
        """
        found = {
            threshold: np.nan_to_num(counts.matches[IOU].average_precision)
            for threshold, counts in self._counts.items()
        }
        highest = max(found.values())
        if not highest:
            return self._of_masks
        alike = [one for one, value in found.items() if value >= highest - ALIKE]
        return min(alike, key=lambda threshold: abs(threshold - self._of_masks))


def own_threshold_of_objects(
    net: Net,
    dataset: Dataset,
    smallest: int,
    of_masks: float | None,
    *,
    parts: Parts | None = None,
    on_failure: Callable[[int, Exception], None] | None = None,
) -> float | None:
    """Chooses the threshold of the objects of masks of instances.

    For the arguments see `ObjectThresholds` and `validate`.

    Returns:
        None where it is that of masks, as for masks of other kinds.
    """
    if dataset.coding.kind != "instances" or of_masks is None:
        return None
    cache = None if parts is None else parts.cache
    objects = ObjectThresholds(dataset, smallest, of_masks, cache)
    validate(
        net,
        dataset,
        threshold=of_masks,
        on_image=objects.add,
        on_failure=on_failure,
        parts=parts,
    )
    best = objects.best()
    return None if best == of_masks else best
