"""How large the objects of masks are: what a net must see around a pixel."""

import numpy as np
from scipy import ndimage

from pipelines.dataset.dataset import Dataset
from pipelines.dataset.mask_values import IGNORED

# A look at so many masks, and so much of each, tells enough.
MOST_MASKS = 12
MOST_PIXELS = 1024
# Of the pixels of objects; the rest are the middles of the largest.
SHARE = 95


def object_reach(dataset: Dataset) -> float:
    """Returns how far pixels of objects are from the border of theirs, in pixels.

    The distance that 95 % of the pixels of a sample do not exceed; objects are all that
    is not background. 0 without objects.

    Args:
        dataset: checked pairs.
    """
    places = np.linspace(0, len(dataset.pairs) - 1, MOST_MASKS).round()
    distances = [_distances(dataset, int(place)) for place in np.unique(places)]
    found = np.concatenate(distances)
    return float(np.percentile(found, SHARE)) if found.size else 0.0


def _distances(dataset: Dataset, index: int) -> np.ndarray:
    """Returns the distances of the pixels of objects in the middle of one mask."""
    with dataset.open_mask(index) as mask:
        height, width = min(MOST_PIXELS, mask.height), min(MOST_PIXELS, mask.width)
        top, left = (mask.height - height) // 2, (mask.width - width) // 2
        class_ids = mask.window(top, left, height, width)[..., 0]
    inside = (class_ids != 0) & (class_ids != IGNORED)
    if inside.all():
        # No border in sight: as far as the window goes.
        return np.full(1, min(height, width) / 2, np.float32)
    return ndimage.distance_transform_edt(inside)[inside].astype(np.float32)
