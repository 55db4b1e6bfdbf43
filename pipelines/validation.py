"""Scores of a net on held-out images, by overlap-tile prediction of whole images."""

import dataclasses
from typing import Any

import numpy as np
import tqdm

from pipelines import decision, scaling, scores
from pipelines.dataset import Dataset
from pipelines.mask_values import IGNORED
from pipelines.overlap_tile import Net


@dataclasses.dataclass(frozen=True)
class Picture:
    """One image with what the net makes of it.

    Attributes:
        name: of the image.
        image: values as in the file, (height, width, channels).
        y_true: class ids, uint8 (height, width); IGNORED where nothing is scored.
        y_pred: class ids, uint8 (height, width).
    """

    name: str
    image: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a net scores on a data set.

    Attributes:
        loss: mean of the loss over pixels; NaN if no loss was given.
        threshold: on P(foreground); None from three classes on.
        confusion: int64 (num_classes, num_classes), truth by prediction.
        pictures: the first few images.
    """

    loss: float
    threshold: float | None
    confusion: np.ndarray
    pictures: list[Picture]


def validate(
    net: Net,
    dataset: Dataset,
    *,
    loss: Any = None,
    threshold: float | None = None,
    num_pictures: int = 0,
    progress: str | None = None,
) -> Validation:
    """Segments every image of a set and compares with its mask, but ignored pixels.

    Args:
        net: what to validate.
        dataset: checked pairs.
        loss: on (mask, logits), both with a batch axis; None for no loss.
        threshold: on P(foreground); None chooses the one with the best mean IoU.
        num_pictures: how many images to keep for showing.
        progress: what a progress bar says; None for no bar.
    """
    num_classes = max(2, net.num_channels)
    counts = scores.ThresholdCounts()
    confusion = np.zeros((num_classes, num_classes), np.int64)
    losses, pixels, kept = [], [], []
    indices = range(len(dataset.pairs))
    for index in tqdm.tqdm(indices, progress, disable=None if progress else True):
        image, y_true = dataset.image(index), dataset.mask(index)
        facts = dataset.facts[index]
        logits = net.logits(np.asarray(scaling.scale(image, facts.mean, facts.std)))
        scored = y_true != IGNORED
        pixels.append(int(scored.sum()))
        if loss is not None:
            losses.append(_loss(loss, y_true, logits, scored))
        probability = np.asarray(decision.probability_from_logits(logits))
        if num_classes == 2 and threshold is None:
            counts.add(y_true, probability[..., -1])
        else:
            y_pred = _decided(probability, threshold)
            confusion += scores.confusion_matrix(
                y_true[scored], y_pred[scored], num_classes
            )
        if index < num_pictures:
            kept.append((dataset.pairs[index].image.key, image, y_true, probability))
    if num_classes == 2 and threshold is None:
        threshold = counts.best_threshold()
        confusion = counts.confusion(threshold)
    return Validation(
        loss=_mean(losses, pixels),
        threshold=threshold,
        confusion=confusion,
        pictures=[
            Picture(name, image, y_true, _decided(probability, threshold))
            for name, image, y_true, probability in kept
        ],
    )


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


def _decided(probability: np.ndarray, threshold: float | None) -> np.ndarray:
    """Returns class ids, uint8 (height, width)."""
    mask = np.asarray(decision.mask_from_probability(probability, threshold))
    # Masks of two classes are 0 and 255.
    return mask // 255 if probability.shape[-1] <= 2 else mask
