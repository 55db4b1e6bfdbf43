"""Scores of a net on held-out images, by overlap-tile prediction of whole images."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tqdm

from pipelines import decision, scaling, scores
from pipelines.dataset import Dataset
from pipelines.dataset.mask_values import IGNORED
from pipelines.overlap_tile import Net
from pipelines.scores.image_scores import ImageScore, image_score


@dataclasses.dataclass(frozen=True)
class Picture:
    """One image with what the net makes of it.

    Attributes:
        name: of the image.
        image: values as in the file, (height, width, channels).
        y_true: class ids, uint8 (height, width); IGNORED where nothing is scored.
        y_pred: class ids, uint8 (height, width).
        note: why it is shown.
    """

    name: str
    image: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Segmented:
    """One image of a data set and what the net puts out for it.

    Attributes:
        index: in the data set.
        name: of the image.
        image: values as in the file, (height, width, channels).
        y_true: class ids, uint8 (height, width); IGNORED where nothing is scored.
        logits: float32 (height, width, num_channels).
        probability: float32, of that shape.
        scored: bool (height, width), False where pixels are ignored.
    """

    index: int
    name: str
    image: np.ndarray
    y_true: np.ndarray
    logits: np.ndarray
    probability: np.ndarray
    scored: np.ndarray

    def y_pred(self, threshold: float | None) -> np.ndarray:
        """Returns class ids, uint8 (height, width), also where pixels are ignored."""
        mask = np.asarray(decision.mask_from_probability(self.probability, threshold))
        # Masks of two classes are 0 and 255.
        return mask // 255 if self.probability.shape[-1] <= 2 else mask

    def picture(self, threshold: float | None, note: str = "") -> Picture:
        """Returns the image with truth and decision."""
        return Picture(self.name, self.image, self.y_true, self.y_pred(threshold), note)


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a net scores on a data set.

    Attributes:
        loss: mean of the loss over pixels; NaN if no loss was given.
        threshold: on P(foreground); None from three classes on.
        confusion: int64 (num_classes, num_classes), truth by prediction.
        pictures: the first few images.
        spread: the largest probability less the smallest, of the class for which they
            differ most; 0 for an output that is the same everywhere.
        images: scores of each image, in the order of the data set.
        thresholds: counts at all thresholds; None from three classes on.
        reliability: of P(foreground), or from three classes on of the probability of
            the class that is predicted.
    """

    loss: float
    threshold: float | None
    confusion: np.ndarray
    pictures: list[Picture]
    spread: float = 1.0
    images: list[ImageScore] = dataclasses.field(default_factory=list)
    thresholds: scores.ThresholdCounts | None = None
    reliability: scores.ReliabilityCounts | None = None


def validate(
    net: Net,
    dataset: Dataset,
    *,
    loss: Any = None,
    threshold: float | None = None,
    num_pictures: int = 0,
    progress: str | None = None,
    on_image: Callable[[Segmented], None] | None = None,
) -> Validation:
    """Segments every image of a set and compares with its mask, but ignored pixels.

    Args:
        net: what to validate.
        dataset: checked pairs.
        loss: on (mask, logits), both with a batch axis; None for no loss.
        threshold: on P(foreground); None chooses the one with the best mean IoU.
        num_pictures: how many images to keep for showing.
        progress: what a progress bar says; None for no bar.
        on_image: called with every image.
    """
    tally = _Tally(max(2, net.num_channels), threshold)
    losses, pixels, kept = [], [], []
    indices = range(len(dataset.pairs))
    for index in tqdm.tqdm(indices, progress, disable=None if progress else True):
        one = segmented(net, dataset, index)
        pixels.append(int(one.scored.sum()))
        if loss is not None:
            losses.append(_loss(loss, one.y_true, one.logits, one.scored))
        tally.add(one)
        if on_image is not None:
            on_image(one)
        if index < num_pictures:
            kept.append(one)
    threshold = tally.chosen_threshold()
    return Validation(
        loss=_mean(losses, pixels),
        threshold=threshold,
        confusion=tally.confusion(threshold),
        pictures=[one.picture(threshold) for one in kept],
        spread=tally.spread,
        images=tally.images(threshold),
        thresholds=tally.thresholds,
        reliability=tally.reliability,
    )


def segmented(net: Net, dataset: Dataset, index: int) -> Segmented:
    """Segments one image of a data set."""
    image, y_true = dataset.image(index), dataset.mask(index)
    facts = dataset.facts[index]
    logits = net.logits(np.asarray(scaling.scale(image, facts.mean, facts.std)))
    probability = np.asarray(decision.probability_from_logits(logits))
    name = dataset.pairs[index].image.key
    return Segmented(index, name, image, y_true, logits, probability, y_true != IGNORED)


def pictures_of(
    net: Net, dataset: Dataset, notes: dict[int, str], threshold: float | None
) -> Iterable[Picture]:
    """Yields images of a data set, by their places, each with its note."""
    for index, note in notes.items():
        yield segmented(net, dataset, index).picture(threshold, note)


class _Tally:
    """Counts of pixels, added up image by image.

    Args:
        num_classes: with the background.
        threshold: on P(foreground); None if it is to be chosen.
    """

    def __init__(self, num_classes: int, threshold: float | None) -> None:
        self._num_classes = num_classes
        self._threshold = threshold
        self._confusion = np.zeros((num_classes, num_classes), np.int64)
        self._images: list[ImageScore] = []
        # By image, for scores at a threshold that is not yet known.
        self._counts: list[tuple[str, scores.ThresholdCounts]] = []
        binary = num_classes == 2
        self.thresholds = scores.ThresholdCounts() if binary else None
        self.reliability = scores.ReliabilityCounts()
        self._lowest, self._highest = np.float32(np.inf), np.float32(-np.inf)

    @property
    def spread(self) -> float:
        """The range of the probabilities of the class for which it is widest."""
        return float(np.max(self._highest - self._lowest))

    def add(self, one: Segmented) -> None:
        """Adds an image."""
        y_true, probability = one.y_true[one.scored], one.probability[one.scored]
        self._lowest = np.minimum(self._lowest, probability.min(0, initial=np.inf))
        self._highest = np.maximum(self._highest, probability.max(0, initial=-np.inf))
        if self.thresholds is None:
            said = probability.max(axis=-1)
            came_true = probability.argmax(axis=-1) == y_true
        else:
            said, came_true = probability[..., -1], y_true == 1
            counts = scores.ThresholdCounts()
            counts.add(y_true, said)
            self.thresholds.add_counts(counts)
            if self._threshold is None:
                self._counts.append((one.name, counts))
        self.reliability.add(said, came_true)
        if self.thresholds is None or self._threshold is not None:
            y_pred = one.y_pred(self._threshold)[one.scored]
            found = scores.confusion_matrix(y_true, y_pred, self._num_classes)
            self._confusion += found
            self._images.append(image_score(one.name, found))

    def chosen_threshold(self) -> float | None:
        """Returns the threshold that was given, or else the best one."""
        if self.thresholds is None or self._threshold is not None:
            return self._threshold
        return self.thresholds.best_threshold()

    def confusion(self, threshold: float | None) -> np.ndarray:
        """Returns the confusion matrix at the chosen threshold."""
        if self.thresholds is None or threshold is None or self._threshold is not None:
            return self._confusion
        return self.thresholds.confusion(threshold)

    def images(self, threshold: float | None) -> list[ImageScore]:
        """Returns the scores of each image at the chosen threshold."""
        late = [
            image_score(name, counts.confusion(threshold or 0.5))
            for name, counts in self._counts
        ]
        return self._images + late


def _loss(
    loss: Any, y_true: np.ndarray, logits: np.ndarray, scored: np.ndarray
) -> float:
    """Returns the loss of an image, as if it had no other pixels than the scored."""
    if not scored.any():
        return 0.0
    if not scored.all():
        # In one row: losses are means or sums over pixels, wherever these lie.
        y_true, logits = y_true[scored][np.newaxis], logits[scored][np.newaxis]
    dtype = np.float32 if logits.shape[-1] <= 2 else np.int32
    y_true = y_true[np.newaxis, ..., np.newaxis].astype(dtype)
    return float(np.mean(loss(y_true, logits[np.newaxis])))


def _mean(losses: list[float], pixels: list[int]) -> float:
    if not losses or not sum(pixels):
        return float("nan")
    return float(np.average(losses, weights=pixels))
