"""Segmentation scores on arrays: counts are added up over images, then divided once.

A score of a class that occurs neither in truth nor in prediction is not a number and
does not enter a mean.
"""

import dataclasses

import numpy as np

from pipelines.scores import checks

# Mean IoUs that differ by less are one: of few images the best is a matter of chance.
SAME_IOU = 0.001
# Thresholds that are tried: 0.01, 0.02, ..., 0.99.
THRESHOLDS = (np.arange(1, 100) / 100).astype(np.float32)


def confusion_matrix(
    y_true: np.ndarray, y_pred: np.ndarray, num_classes: int
) -> np.ndarray:
    """Counts pixels by their class.

    Args:
        y_true: class ids, integers of any shape.
        y_pred: class ids of the same shape.
        num_classes: classes with the background.

    Returns:
        int64 (num_classes, num_classes): truth by prediction.

    Raises:
        ValueError: the shapes differ, or an id is no integer from 0 to
            num_classes - 1.
    """
    checks.check_same_shape(y_true=y_true, y_pred=y_pred)
    checks.check_class_ids(num_classes, y_true=y_true, y_pred=y_pred)
    y_true, y_pred = y_true.astype(np.int64), y_pred.astype(np.int64)
    cells = y_true.ravel() * num_classes + y_pred.ravel()
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """Scores by class, each float64 (num_classes,), NaN where undefined.

    Attributes:
        iou: |intersection| / |union| (Jaccard 1912, New Phytologist 11:37).
        dice: 2 |intersection| / (|truth| + |prediction|), which is F1 (Dice 1945,
            Ecology 26:297).
        precision: share of the predicted pixels that are true (van Rijsbergen 1979,
            Information Retrieval, chapter 7, as recall).
        recall: share of the true pixels that are predicted.
    """

    iou: np.ndarray
    dice: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Returns the scores of a confusion matrix (truth by prediction)."""
    hit = np.diag(confusion).astype(np.float64)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassScores(
        iou=ratio(hit, true + predicted - hit),
        dice=ratio(2 * hit, true + predicted),
        precision=ratio(hit, predicted),
        recall=ratio(hit, true),
    )


def pixel_error(confusion: np.ndarray) -> float:
    """Returns the share of pixels whose class is wrong; NaN without pixels."""
    pixels = int(confusion.sum())
    return float(1 - np.trace(confusion) / pixels) if pixels else float("nan")


def mean_iou(confusion: np.ndarray) -> float:
    """Returns the mean IoU over the classes that occur; NaN without pixels."""
    return mean_scores(confusion)["iou"]


def mean_scores(confusion: np.ndarray) -> dict[str, float]:
    """Returns the mean of each score over the classes that have it.

    Returns:
        "iou", "dice", "precision" and "recall"; NaN without pixels.
    """
    by_class = dataclasses.asdict(class_scores(confusion))
    return {
        name: float(np.nanmean(values)) if confusion.any() else float("nan")
        for name, values in by_class.items()
    }


class ThresholdCounts:
    """Confusion matrices of a binary mask at every threshold of THRESHOLDS."""

    def __init__(self) -> None:
        # Pixels of the background and of the foreground by their probability.
        self._counts = np.zeros((2, len(THRESHOLDS) + 1), np.int64)

    def add(
        self,
        y_true: np.ndarray,
        foreground_probability: np.ndarray,
        valid: np.ndarray | None = None,
    ) -> None:
        """Adds an image.

        Args:
            y_true: class ids, 0 or 1, of any shape.
            foreground_probability: from 0 to 1, of that shape.
            valid: bool of that shape, False where a pixel is not scored; None: all are.

        Raises:
            ValueError: the shapes differ, an id that is scored is neither 0 nor 1, or
                what is scored is no probability.
        """
        checks.check_same_shape(
            y_true=y_true, foreground_probability=foreground_probability
        )
        if valid is not None:
            scored = checks.scored_pixels(valid, y_true.shape)
            y_true, foreground_probability = (
                y_true[scored],
                foreground_probability[scored],
            )
        checks.check_class_ids(2, y_true=y_true)
        probability = checks.check_probability(
            "foreground_probability", foreground_probability
        ).ravel()
        # side="left": a pixel is foreground when P > threshold.
        places = np.searchsorted(THRESHOLDS, probability, "left")
        for label in (0, 1):
            found = places[(y_true == label).ravel()]
            self._counts[label] += np.bincount(found, minlength=len(THRESHOLDS) + 1)

    def add_counts(self, other: "ThresholdCounts") -> None:
        """Adds the images of another."""
        self._counts += other._counts

    def precision_recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns precision and recall of the foreground at each of THRESHOLDS.

        Each float64 (thresholds,), NaN where undefined.
        """
        found = [class_scores(self.confusion(threshold)) for threshold in THRESHOLDS]
        precision = np.array([one.precision[1] for one in found])
        return precision, np.array([one.recall[1] for one in found])

    def confusion(self, threshold: float) -> np.ndarray:
        """Returns the confusion matrix at one of THRESHOLDS."""
        place = int(np.argmin(np.abs(THRESHOLDS - threshold)))
        below = self._counts[:, : place + 1].sum(axis=1)
        above = self._counts[:, place + 1 :].sum(axis=1)
        return np.stack([below, above], axis=1)

    def best_threshold(self) -> float:
        """Returns the threshold of the highest mean IoU.

        Of those within 0.001 of it the one nearest 0.5; that without pixels.
        """
        found = [mean_iou(self.confusion(threshold)) for threshold in THRESHOLDS]
        values = np.nan_to_num(found)
        best = np.flatnonzero(values >= values.max() - SAME_IOU)
        nearest = best[np.argmin(np.abs(THRESHOLDS[best] - 0.5))]
        return round(float(THRESHOLDS[nearest]), 2)


def ratio(dividend: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    """Returns dividend / divisor, float64; NaN where the divisor is 0."""
    undefined = np.full(dividend.shape, np.nan)
    return np.divide(dividend, divisor, out=undefined, where=divisor > 0)
