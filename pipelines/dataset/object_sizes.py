"""How large the objects of masks are: what a net must see, and what is none."""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from pipelines.dataset.dataset import Dataset
from pipelines.dataset.mask_values import is_object
from pipelines.images import WindowedImage, blocks
from pipelines.images.windowed import Region

# A look at so many masks, and so much of each, tells enough.
MOST_MASKS = 12
MOST_PIXELS = 1024
# Of the share of objects in the whole mask: a window that shows less is not looked at.
TYPICAL = 0.5
# Of the pixels of objects; the rest are the middles of the largest.
SHARE = 95
# Of objects: as many may be smaller, such as stray pixels of a mask.
SMALL_SHARE = 1
# So many tell how small objects are; fewer than a few nothing.
ENOUGH_OBJECTS, FEW_OBJECTS = 100, 20


@dataclasses.dataclass(frozen=True)
class ObjectSizes:
    """How large the objects of a set are.

    They are those of masks of instances, else the connected parts (by sides) of each
    class other than the background.

    Attributes:
        reach: pixels that 95 % of the pixels of objects are at most from the border of
            theirs; 0 without objects.
        smallest: pixels that 99 % of the objects have at least. Of fewer than 100
            objects half of the smallest one's: what has less could match none of them
            with an IoU of 0.5. 1 of fewer than 20.
        count: objects that are whole in what was looked at.
    """

    reach: float
    smallest: int
    count: int

    @property
    def in_words(self) -> str:
        """Says by what the smallest size was chosen."""
        if self.count >= ENOUGH_OBJECTS:
            return "hardly an object of the masks has fewer pixels"
        if self.count >= FEW_OBJECTS:
            return f"half of the smallest of {self.count} objects that were looked at"
        return (
            f"no limit: {self.count or 'no'} whole objects in what was looked at are "
            "too few to tell one"
        )


# Of masks that were not looked at.
UNKNOWN = ObjectSizes(0.0, 1, 0)


def object_sizes(dataset: Dataset) -> ObjectSizes:
    """Measures the objects in a window of some masks that show any.

    The window is the middle of the mask, or where that shows hardly any object lies
    around one. Objects that go on beyond it count for the reach alone.

    Args:
        dataset: checked pairs.
    """
    distances, areas = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    counts = dataset.class_counts()[:, 1:].sum(axis=1)
    for index in _sample(counts):
        for labels, complete in _labelled(dataset, index, int(counts[index])):
            distances.append(_distances(labels))
            areas.append(np.bincount(labels.ravel())[1:][complete])
    reach, pixels = np.concatenate(distances), np.concatenate(areas)
    smallest = 1
    if pixels.size >= ENOUGH_OBJECTS:
        smallest = int(np.percentile(pixels, SMALL_SHARE, method="lower"))
    elif pixels.size >= FEW_OBJECTS:
        smallest = math.ceil(pixels.min() / 2)
    return ObjectSizes(
        float(np.percentile(reach, SHARE)) if reach.size else 0.0,
        smallest,
        int(pixels.size),
    )


def _sample(counts: np.ndarray) -> list[int]:
    """Returns the places of some masks with objects, evenly spread over the set.

    Args:
        counts: pixels of objects in each mask.
    """
    shown = np.flatnonzero(counts)
    if not shown.size:
        return []
    places = np.linspace(0, len(shown) - 1, MOST_MASKS).round().astype(int)
    return [int(shown[place]) for place in np.unique(places)]


def _labelled(
    dataset: Dataset, index: int, pixels: int
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yields the objects in a window of one mask, of each class.

    Args:
        dataset: checked pairs.
        index: of the mask.
        pixels: of objects in all of it.

    Yields:
        (labels, complete): integers (height, width), 0 for all else and objects from 1
        on; bool (objects,), False for those that go on beyond the window.
    """
    with dataset.open_mask(index) as mask:
        box = _window_with_objects(mask, pixels)
        class_ids, within = mask.window(*box)[..., 0], _goes_on(mask, box)
    for class_id in np.unique(class_ids[is_object(class_ids)]):
        inside = class_ids == class_id
        if dataset.coding.kind == "instances":
            with dataset.open_labels(index) as ids:
                numbers = np.where(inside, ids.window(*box)[..., 0], 0)
            labels = np.unique(numbers, return_inverse=True)[1].reshape(numbers.shape)
            # Without any background the first number is an object's.
            labels = labels + inside.all()
        else:
            labels = ndimage.label(inside)[0]
        complete = np.ones(labels.max(), bool)
        for line, goes_on in zip(_edges(labels), within, strict=True):
            if goes_on:
                complete[line[line > 0] - 1] = False
        yield labels, complete


def _distances(labels: np.ndarray) -> np.ndarray:
    """Returns how far each pixel of an object is from what is not of it."""
    found = [np.zeros(0, np.float32)]
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        # With a margin, where the window has one.
        inside = labels[tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)]
        inside = inside == number
        if inside.all():
            # No border in sight: as far as the window goes.
            found.append(np.full(1, min(inside.shape) / 2, np.float32))
        else:
            distances = ndimage.distance_transform_edt(inside)[inside]
            found.append(distances.astype(np.float32))
    return np.concatenate(found)


def _edges(labels: np.ndarray) -> tuple[np.ndarray, ...]:
    return labels[0], labels[-1], labels[:, 0], labels[:, -1]


def _window_with_objects(mask: WindowedImage, pixels: int) -> Region:
    """Returns the window to look at.

    Args:
        mask: class ids.
        pixels: that are of objects, in the whole mask.
    """
    middle = _window_around(mask, mask.height // 2, mask.width // 2)
    least = TYPICAL * pixels / (mask.height * mask.width)
    if is_object(mask.window(*middle)).mean() >= least:
        return middle
    # Some block has at least the share of the whole mask.
    for top, left, block in blocks(mask):
        objects = is_object(block[..., 0])
        if objects.any() and objects.mean() >= least:
            found = np.flatnonzero(objects)
            row, column = divmod(int(found[found.size // 2]), objects.shape[1])
            return _window_around(mask, top + row, left + column)
    return middle


def _window_around(mask: WindowedImage, row: int, column: int) -> Region:
    height, width = min(MOST_PIXELS, mask.height), min(MOST_PIXELS, mask.width)
    top = min(max(0, row - height // 2), mask.height - height)
    left = min(max(0, column - width // 2), mask.width - width)
    return Region(top, left, height, width)


def _goes_on(mask: WindowedImage, box: Region) -> tuple[bool, ...]:
    """Tells at which sides of a window the mask goes on."""
    top, left, height, width = box
    return (
        *(top > 0, top + height < mask.height),
        *(left > 0, left + width < mask.width),
    )
