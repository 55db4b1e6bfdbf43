"""How large the objects of masks are: what a net must see, and what is none."""

import math

import numpy as np
from scipy import ndimage

from pipelines.dataset.dataset import Dataset
from pipelines.dataset.mask_values import is_object
from pipelines.images import WindowedImage

# A look at so many masks, and so much of each, tells enough.
MOST_MASKS = 12
MOST_PIXELS = 1024
# Of the pixels of objects; the rest are the middles of the largest.
SHARE = 95
# Of objects: as many may be smaller, such as stray pixels of a mask.
SMALL_SHARE = 1
# So many tell how small objects are.
ENOUGH_OBJECTS = 100


def object_reach(dataset: Dataset) -> float:
    """Returns how far pixels of objects are from the border of theirs, in pixels.

    The distance that 95 % of the pixels of a sample do not exceed; objects are all that
    is not background. 0 without objects.

    Args:
        dataset: checked pairs.
    """
    found = np.concatenate([_distances(dataset, place) for place in _sample(dataset)])
    return float(np.percentile(found, SHARE)) if found.size else 0.0


def smallest_object(dataset: Dataset) -> int:
    """Returns how many pixels a found object must have to be one.

    As many as 99 % of the objects of a sample. Of fewer than 100 objects half the
    smallest one's: what has less could match none of them with an IoU of 0.5. Objects
    are those of masks of instances, else the connected parts (by sides) of what is not
    background. 1 without objects.

    Args:
        dataset: checked pairs.
    """
    found = np.concatenate([_areas(dataset, place) for place in _sample(dataset)])
    if found.size >= ENOUGH_OBJECTS:
        return int(np.percentile(found, SMALL_SHARE, method="lower"))
    return math.ceil(found.min() / 2) if found.size else 1


def _sample(dataset: Dataset) -> list[int]:
    """Returns the places of some masks, evenly spread over the set."""
    places = np.linspace(0, len(dataset.pairs) - 1, MOST_MASKS).round()
    return [int(place) for place in np.unique(places)]


def _distances(dataset: Dataset, index: int) -> np.ndarray:
    """Returns the distances of the pixels of objects in the middle of one mask."""
    inside = _inside(dataset, index)
    if inside.all():
        # No border in sight: as far as the window goes.
        return np.full(1, min(inside.shape) / 2, np.float32)
    return ndimage.distance_transform_edt(inside)[inside].astype(np.float32)


def _areas(dataset: Dataset, index: int) -> np.ndarray:
    """Returns the pixels of each object in the middle of one mask."""
    inside = _inside(dataset, index)
    if dataset.coding.kind == "instances":
        with dataset.open_labels(index) as labels:
            numbers = _middle(labels)[..., 0]
        return np.unique(numbers[inside], return_counts=True)[1]
    return np.bincount(ndimage.label(inside)[0].ravel())[1:]


def _inside(dataset: Dataset, index: int) -> np.ndarray:
    """Returns where objects are in the middle of one mask, bool (height, width)."""
    with dataset.open_mask(index) as mask:
        class_ids = _middle(mask)[..., 0]
    return is_object(class_ids)


def _middle(mask: WindowedImage) -> np.ndarray:
    height, width = min(MOST_PIXELS, mask.height), min(MOST_PIXELS, mask.width)
    top, left = (mask.height - height) // 2, (mask.width - width) // 2
    return mask.window(top, left, height, width)
