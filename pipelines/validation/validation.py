"""validate: what a net scores on a data set."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tqdm

from pipelines import scores
from pipelines.dataset import Dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.images.damage import UnreadableImage
from pipelines.overlap_tile import Net
from pipelines.scores.image_scores import ImageScore
from pipelines.tiles.targets import open_target
from pipelines.validation.segmented import (
    Parts,
    Picture,
    Segmented,
    segmented,
    segmented_centre,
)
from pipelines.validation.tally import Tally

# Pixels of a side, of images that may be too large to be shown whole.
LARGEST_SHOWN = 1024
# oneDNN, in which TensorFlow convolves, aborts where it gets no memory (its status 1).
OUT_OF_MEMORY = (
    MemoryError,
    tf.errors.ResourceExhaustedError,
    tf.errors.AbortedError,
)
# Errors that are of one image: the others may still be segmented.
OF_ONE_IMAGE = (UnreadableImage, *OUT_OF_MEMORY)


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
    on_failure: Callable[[int, Exception], None] | None = None,
    parts: Parts | None = None,
    separate_objects: bool = False,
    class_weights: np.ndarray | None = None,
) -> Validation:
    """Segments every image of a set and compares with its mask, but ignored pixels.

    With `parts` nothing of an image's size is held. The scores are the same; a loss
    that is no mean over pixels, such as Dice, is then the mean over parts.

    Args:
        net: what to validate.
        dataset: checked pairs.
        loss: on (mask, logits), both with a batch axis; None for no loss.
        threshold: on P(foreground); None chooses the one with the best mean IoU.
        num_pictures: how many images to keep for showing.
        progress: what a progress bar says; None for no bar.
        on_image: called with every image.
        on_failure: called with the place of an image that cannot be read or for which
            there is no memory, and with the error; nothing of it is counted. None
            raises the error.
        parts: of images that are not to be held whole.
        separate_objects: of the loss, whose target is then that of training; scores are
            of the masks as they are. See `open_target`.
        class_weights: of the loss, (images, classes or more): what a pixel of each
            class weighs in each image, of which the loss then is the weighted sum over
            the number of pixels, as in training; None: all weigh 1.
    """
    tally, kept = Tally(max(2, net.output_channels), threshold), []
    indices = range(len(dataset.pairs))
    for index in tqdm.tqdm(indices, progress, disable=None if progress else True):
        # Of its own, so that an image that fails leaves nothing behind.
        own, shown = Tally(max(2, net.output_channels), threshold), []
        try:
            for one in segmented(net, dataset, index, parts):
                if loss is not None:
                    target = _target(dataset, one, parts, separate_objects)
                    weights = None if class_weights is None else class_weights[index]
                    value = _loss(loss, target, one.logits, one.scored, weights)
                    own.add_loss(value, int(one.scored.sum()))
                own.add(one)
                if index < num_pictures and one.holds_centre(dataset.facts[index]):
                    shown.append(_shown(one, dataset.facts[index], parts))
                if on_image is not None:
                    on_image(one)
        except OF_ONE_IMAGE as error:
            if on_failure is None:
                raise
            on_failure(index, error)
            continue
        tally.add_tally(own)
        kept += shown
    threshold = tally.chosen_threshold()
    return Validation(
        loss=tally.loss,
        threshold=threshold,
        confusion=tally.confusion(threshold),
        pictures=[one.picture(threshold) for one in kept],
        spread=tally.spread,
        images=tally.images(threshold),
        thresholds=tally.thresholds,
        reliability=tally.reliability,
    )


def pictures_of(
    net: Net,
    dataset: Dataset,
    notes: dict[int, str],
    threshold: float | None,
    parts: Parts | None = None,
) -> Iterable[Picture]:
    """Yields images of a data set, by their places, each with its note.

    Of images that are segmented in parts their centre is shown.
    """
    for index, note in notes.items():
        one = segmented_centre(net, dataset, index, parts)
        yield _shown(one, dataset.facts[index], parts).picture(threshold, note)


def _shown(one: Segmented, facts: ImageFacts, parts: Parts | None) -> Segmented:
    """Returns what is shown: of images that may be large what is around the centre."""
    if parts is None:
        return one
    centre = facts.height // 2 - one.top, facts.width // 2 - one.left
    top, left = (
        min(max(0, place - LARGEST_SHOWN // 2), max(0, side - LARGEST_SHOWN))
        for place, side in zip(centre, one.y_true.shape, strict=True)
    )
    crop = slice(top, top + LARGEST_SHOWN), slice(left, left + LARGEST_SHOWN)
    return dataclasses.replace(
        one,
        top=one.top + top,
        left=one.left + left,
        **{
            # A copy, so that the rest of it is not held.
            name: getattr(one, name)[crop].copy()
            for name in ("image", "y_true", "logits", "probability")
        },
    )


def _target(
    dataset: Dataset, one: Segmented, parts: Parts | None, separate_objects: bool
) -> np.ndarray:
    """Returns the class ids that are trained on, uint8 (height, width)."""
    if not separate_objects or dataset.coding.kind != "instances":
        return one.y_true
    cache = None if parts is None else parts.cache
    with open_target(dataset, one.index, cache, separate_objects=True) as target:
        return target.window(one.top, one.left, *one.y_true.shape)[..., 0]


def _loss(
    loss: Any,
    y_true: np.ndarray,
    logits: np.ndarray,
    scored: np.ndarray,
    weights: np.ndarray | None,
) -> float:
    """Returns the loss of an image, as if it had no other pixels than the scored."""
    if not scored.any():
        return 0.0
    if not scored.all():
        # In one row: losses are means or sums over pixels, wherever these lie.
        y_true, logits = y_true[scored][np.newaxis], logits[scored][np.newaxis]
    dtype = np.float32 if logits.shape[-1] <= 2 else np.int32
    given = {}
    y_true = y_true[np.newaxis, ..., np.newaxis]
    if weights is not None:
        given["sample_weight"] = weights[y_true].astype(np.float32)
    return float(np.mean(loss(y_true.astype(dtype), logits[np.newaxis], **given)))
