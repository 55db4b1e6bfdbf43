"""Images of a data set with what a net makes of them: whole, or part by part."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from pipelines import decision, scaling
from pipelines.dataset import Dataset
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import IGNORED
from pipelines.images import ArrayCache
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
        logits: float32 (height, width, num_channels).
        probability: float32, of that shape.
        scored: bool (height, width), False where pixels are ignored.
        top: first row in the image.
        left: first column.
    """

    index: int
    name: str
    image: np.ndarray
    y_true: np.ndarray
    logits: np.ndarray
    probability: np.ndarray
    scored: np.ndarray
    top: int = 0
    left: int = 0

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
    for region in _regions(net, dataset, index, parts):
        yield _segmented_region(net, dataset, index, region, parts)


def segmented_centre(
    net: Net, dataset: Dataset, index: int, parts: Parts | None = None
) -> Segmented:
    """Segments an image in one piece, or that part of it which has its centre."""
    facts = dataset.facts[index]
    return next(
        _segmented_region(net, dataset, index, region, parts)
        for region in _regions(net, dataset, index, parts)
        if region is None or region.holds(facts.height // 2, facts.width // 2)
    )


def _regions(
    net: Net, dataset: Dataset, index: int, parts: Parts | None
) -> Iterator[Region | None]:
    """Yields the regions of an image row by row; None for all of it."""
    facts = dataset.facts[index]
    if parts is None or max(facts.height, facts.width) <= parts.side:
        yield None
        return
    plan = plan_tiles(facts.height, facts.width, parts.side, net.depth, net.variant)
    for top, left in plan.origins():
        height = min(plan.rows.core, facts.height - top)
        width = min(plan.columns.core, facts.width - left)
        yield Region(top, left, height, width)


def _segmented_region(
    net: Net, dataset: Dataset, index: int, region: Region | None, parts: Parts | None
) -> Segmented:
    facts = dataset.facts[index]
    if region is None:
        image, y_true = dataset.image(index), dataset.mask(index)
        logits = net.logits(np.asarray(scaling.scale(image, facts.mean, facts.std)))
    else:
        cache = None if parts is None else parts.cache
        with (
            dataset.open_image(index, cache) as source,
            dataset.open_mask(index, cache) as mask,
        ):
            image, y_true = source.window(*region), mask.window(*region)[..., 0]
            mean, std = (np.asarray(v, np.float32) for v in (facts.mean, facts.std))
            logits = net.region_logits(source, region, mean, std)
    probability = np.asarray(decision.probability_from_logits(logits))
    name = dataset.pairs[index].image.key
    scored = y_true != IGNORED
    top, left = (0, 0) if region is None else region[:2]
    return Segmented(index, name, image, y_true, logits, probability, scored, top, left)
