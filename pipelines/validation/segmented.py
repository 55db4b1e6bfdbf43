"""Images of a data set with what a net makes of them: whole, or part by part."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from pipelines import decision, scaling
from pipelines.dataset import Dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import IGNORED
from pipelines.images import ArrayCache, WindowedImage
from pipelines.overlap_tile import Net, Region, plan_tiles


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
    """An image of a data set, or a part of it, and what the net puts out for it.

    Attributes:
        index: in the data set.
        name: of the image.
        image: values as in the file, (height, width, channels).
        y_true: class ids, uint8 (height, width); IGNORED where nothing is scored.
        logits: float32 (height, width, output_channels).
        probability: float32, of that shape.
        top: first row in the image.
        left: first column.
    """

    index: int
    name: str
    image: np.ndarray
    y_true: np.ndarray
    logits: np.ndarray
    probability: np.ndarray
    top: int = 0
    left: int = 0

    @functools.cached_property
    def scored(self) -> np.ndarray:
        """Bool (height, width), False where pixels are ignored."""
        return self.y_true != IGNORED

    def holds_centre(self, facts: ImageFacts) -> bool:
        """Tells whether the centre of the image is in this part of it."""
        region = Region(self.top, self.left, *self.y_true.shape)
        return region.holds(facts.height // 2, facts.width // 2)

    def y_pred(self, threshold: float | None) -> np.ndarray:
        """Returns class ids, uint8 (height, width), also where pixels are ignored."""
        mask = np.asarray(decision.mask_from_probability(self.probability, threshold))
        # Masks of two classes are 0 and 255.
        return mask // 255 if self.probability.shape[-1] <= 2 else mask

    def picture(self, threshold: float | None, note: str = "") -> Picture:
        """Returns the image with truth and decision."""
        return Picture(self.name, self.image, self.y_true, self.y_pred(threshold), note)


@dataclasses.dataclass(frozen=True)
class Parts:
    """How images are segmented that are too large to be held whole.

    Attributes:
        side: pixels; larger images are cut into parts of at most so many a side.
        cache: of decoded images; None decodes into memory.
    """

    side: int
    cache: ArrayCache | None = None


def segmented(
    net: Net, dataset: Dataset, index: int, parts: Parts | None = None
) -> Iterator[Segmented]:
    """Segments an image of a data set: in one piece, or part by part.

    The parts are exactly those of the whole image's logits.

    Args:
        net: the net.
        dataset: checked pairs.
        index: of the image.
        parts: of larger images; None for every image in one piece.
    """
    regions = _regions(net, dataset, index, parts)
    if regions is None:
        yield _whole(net, dataset, index)
        return
    with _opened(dataset, index, parts) as sources:
        for region in regions:
            yield _part(net, dataset, index, region, *sources)


def segmented_centre(
    net: Net, dataset: Dataset, index: int, parts: Parts | None = None
) -> Segmented:
    """Segments an image in one piece, or that part of it which has its centre."""
    regions = _regions(net, dataset, index, parts)
    if regions is None:
        return _whole(net, dataset, index)
    facts = dataset.facts[index]
    row, column = facts.height // 2, facts.width // 2
    (region,) = (region for region in regions if region.holds(row, column))
    with _opened(dataset, index, parts) as sources:
        return _part(net, dataset, index, region, *sources)


def _regions(
    net: Net, dataset: Dataset, index: int, parts: Parts | None
) -> list[Region] | None:
    """Returns the regions of an image row by row; None for all of it."""
    facts = dataset.facts[index]
    if parts is None or max(facts.height, facts.width) <= parts.side:
        return None
    plan = plan_tiles(facts.height, facts.width, parts.side, net.depth, net.variant)
    return list(plan.regions())


@contextlib.contextmanager
def _opened(
    dataset: Dataset, index: int, parts: Parts | None
) -> Iterator[tuple[WindowedImage, WindowedImage]]:
    """Opens image and mask once for all of their parts."""
    cache = None if parts is None else parts.cache
    with (
        dataset.open_image(index, cache) as image,
        dataset.open_mask(index, cache) as mask,
    ):
        yield image, mask


def _whole(net: Net, dataset: Dataset, index: int) -> Segmented:
    facts = dataset.facts[index]
    image, y_true = dataset.image(index), dataset.mask(index)
    logits = net.logits(np.asarray(scaling.scale(image, facts.mean, facts.std)))
    return _segmented(dataset, index, image, y_true, logits)


def _part(
    net: Net,
    dataset: Dataset,
    index: int,
    region: Region,
    image: WindowedImage,
    mask: WindowedImage,
) -> Segmented:
    facts = dataset.facts[index]
    mean, std = (np.asarray(value, np.float32) for value in (facts.mean, facts.std))
    logits = net.region_logits(image, region, mean, std)
    # Copies: a window of what lies in memory would hold all of it.
    pixels, y_true = image.window(*region).copy(), mask.window(*region)[..., 0].copy()
    return _segmented(dataset, index, pixels, y_true, logits, *region[:2])


def _segmented(
    dataset: Dataset,
    index: int,
    image: np.ndarray,
    y_true: np.ndarray,
    logits: np.ndarray,
    top: int = 0,
    left: int = 0,
) -> Segmented:
    probability = np.asarray(decision.probability_from_logits(logits))
    name = dataset.pairs[index].image.key
    return Segmented(index, name, image, y_true, logits, probability, top, left)
