"""Counts of pixels over the images of a data set, added up part by part."""

import numpy as np

from pipelines import scores
from pipelines.scores.image_scores import ImageScore, image_score
from pipelines.validation.segmented import Segmented


class Tally:
    """Counts of pixels, added up image by image, or part by part.

    Args:
        num_classes: with the background.
        threshold: on P(foreground); None if it is to be chosen.

    Attributes:
        thresholds: counts at all thresholds; None from three classes on.
        reliability: of the probability of what is predicted.
    """

    def __init__(self, num_classes: int, threshold: float | None) -> None:
        self._num_classes = num_classes
        self._threshold = threshold
        binary = num_classes == 2
        self._chosen_later = binary and threshold is None
        self._names: dict[int, str] = {}
        # By image; counts where the threshold is not yet known.
        self._confusions: dict[int, np.ndarray] = {}
        self._counts: dict[int, scores.ThresholdCounts] = {}
        self.thresholds = scores.ThresholdCounts() if binary else None
        self.reliability = scores.ReliabilityCounts()
        self._lowest, self._highest = np.float32(np.inf), np.float32(-np.inf)
        # By part, and how many pixels of it are scored.
        self._losses: list[float] = []
        self._pixels: list[int] = []

    @property
    def loss(self) -> float:
        """The mean of the losses over pixels; NaN without any."""
        if not sum(self._pixels):
            return float("nan")
        return float(np.average(self._losses, weights=self._pixels))

    @property
    def spread(self) -> float:
        """The range of the probabilities of the class for which it is widest."""
        return float(np.max(self._highest - self._lowest))

    def add(self, one: Segmented) -> None:
        """Adds an image, or a part of one."""
        self._names[one.index] = one.name
        y_true, probability = one.y_true[one.scored], one.probability[one.scored]
        self._lowest = np.minimum(self._lowest, probability.min(0, initial=np.inf))
        self._highest = np.maximum(self._highest, probability.max(0, initial=-np.inf))
        if self.thresholds is None:
            said = probability.max(axis=-1)
            came_true = probability.argmax(axis=-1) == y_true
        else:
            said, came_true = probability[..., -1], y_true == 1
            counts = scores.ThresholdCounts()
            # NaN is above no threshold.
            counts.add(y_true, np.nan_to_num(said, nan=0.0))
            self.thresholds.add_counts(counts)
            if self._chosen_later:
                own = self._counts.setdefault(one.index, scores.ThresholdCounts())
                own.add_counts(counts)
        # A net that has diverged puts out NaN, which says nothing.
        known = ~np.isnan(said)
        self.reliability.add(said[known], came_true[known])
        if not self._chosen_later:
            y_pred = one.y_pred(self._threshold)[one.scored]
            found = scores.confusion_matrix(y_true, y_pred, self._num_classes)
            before = self._confusions.get(one.index, 0)
            self._confusions[one.index] = before + found

    def add_loss(self, loss: float, pixels: int) -> None:
        """Adds the loss of an image, or of a part of one, with so many pixels."""
        self._losses.append(loss)
        self._pixels.append(pixels)

    def add_tally(self, other: "Tally") -> None:
        """Adds other images, counted with the same settings."""
        self._names |= other._names
        self._confusions |= other._confusions
        self._counts |= other._counts
        if self.thresholds is not None and other.thresholds is not None:
            self.thresholds.add_counts(other.thresholds)
        self.reliability.add_counts(other.reliability)
        self._lowest = np.minimum(self._lowest, other._lowest)
        self._highest = np.maximum(self._highest, other._highest)
        self._losses += other._losses
        self._pixels += other._pixels

    def chosen_threshold(self) -> float | None:
        """Returns the threshold that was given, or else the best one."""
        if self._chosen_later and self.thresholds is not None:
            return self.thresholds.best_threshold()
        return self._threshold

    def confusion(self, threshold: float | None) -> np.ndarray:
        """Returns the confusion matrix at the chosen threshold, int64."""
        nothing = np.zeros((self._num_classes, self._num_classes), np.int64)
        return sum(self._by_image(threshold).values(), nothing)

    def images(self, threshold: float | None) -> list[ImageScore]:
        """Returns the scores of each image at the chosen threshold."""
        found = self._by_image(threshold)
        return [image_score(self._names[index], found[index]) for index in found]

    def _by_image(self, threshold: float | None) -> dict[int, np.ndarray]:
        if not self._chosen_later or threshold is None:
            return self._confusions
        counts = self._counts.items()
        return {index: each.confusion(threshold) for index, each in counts}
