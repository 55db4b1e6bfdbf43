"""Scores of single images of a set, and which are the best and the worst."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from pipelines import scores


@dataclasses.dataclass(frozen=True)
class ImageScore:
    """What a net scores on one image; NaN where a score is undefined.

    Attributes:
        name: of the image.
        mean_iou: over the classes that occur; the images are ranked by it.
        dice: mean over the classes that occur but the first, the background.
        pixel_error: share of the pixels whose class is wrong.
    """

    name: str
    mean_iou: float
    dice: float
    pixel_error: float


def image_score(name: str, confusion: np.ndarray) -> ImageScore:
    """Returns the scores of an image whose confusion matrix is truth by prediction."""
    dice = scores.class_scores(confusion).dice[1:]
    occurs = ~np.isnan(dice)
    return ImageScore(
        name,
        mean_iou=scores.mean_iou(confusion),
        dice=float(dice[occurs].mean()) if occurs.any() else math.nan,
        pixel_error=scores.pixel_error(confusion),
    )


def ranked(images: Sequence[ImageScore]) -> list[int]:
    """Returns the places of the images, the worst first; without those unscored."""
    places = [place for place, one in enumerate(images) if not math.isnan(one.mean_iou)]
    return sorted(places, key=lambda place: images[place].mean_iou)


def extremes(images: Sequence[ImageScore], count: int) -> dict[int, str]:
    """Returns the worst and the best images.

    Args:
        images: scores of a set.
        count: how many of each at most; no image comes twice.

    Returns:
        By place in `images`, the worst first: what to call it, such as "2nd best,
        mean IoU 0.9132".
    """
    order = ranked(images)
    worst = order[:count]
    best = order[: len(worst) - 1 if worst else None : -1][:count]
    names = {place: f"{_nth(rank)}worst" for rank, place in enumerate(worst)}
    names |= {place: f"{_nth(rank)}best" for rank, place in enumerate(best)}
    return {
        place: f"{name}, mean IoU {images[place].mean_iou:.4f}"
        for place, name in names.items()
    }


def _nth(rank: int) -> str:
    number = rank + 1
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number, "th")
    return "" if rank == 0 else f"{number}{suffix} "
