"""What shows only when the images of a set are compared with each other."""

import collections
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipelines.dataset import findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.pairing import Pair
from pipelines.images.windowed import PixelSize

# Of the size of a pixel, by which scanners of one magnification differ: slides say
# 0.2498 or 0.2520 microns. Tiles are zoomed by more than that.
OF_SCANNERS = 0.05


def of_images(pairs: Sequence[Pair], facts: Sequence[ImageFacts]) -> list[Finding]:
    """Returns findings on images that differ from the others, or occur twice."""
    return [
        *_other_channels(pairs, facts),
        *_other_types(pairs, facts),
        *_other_pixel_sizes(pairs, facts),
        *_duplicates(pairs, facts),
    ]


def _other_channels(
    pairs: Sequence[Pair], facts: Sequence[ImageFacts]
) -> Iterator[Finding]:
    for pair, one, usual, example in _unusual(pairs, facts, lambda one: one.channels):
        yield findings.error(
            "channels",
            pair.image.name,
            f"{one.channels} channels, but {example} has {usual}.",
            "All images of a set need the same channels: convert or leave out one "
            "kind.",
        )


def _other_types(
    pairs: Sequence[Pair], facts: Sequence[ImageFacts]
) -> Iterator[Finding]:
    for pair, one, usual, example in _unusual(pairs, facts, lambda one: one.dtype):
        yield findings.warning(
            "pixel-type",
            pair.image.name,
            f"pixels are {one.dtype}, but {example} has {usual}.",
            "Harmless if each image is scaled by its own mean (scaling per_image); "
            "else convert one kind.",
        )


def _other_pixel_sizes(
    pairs: Sequence[Pair], facts: Sequence[ImageFacts]
) -> Iterator[Finding]:
    def rounded(one: ImageFacts) -> str | None:
        if (size := one.pixel_size) is None:
            return None
        return f"{size.height:.3g} x {size.width:.3g} {size.unit}"

    sizes = {
        pair.image.name: one.pixel_size for pair, one in zip(pairs, facts, strict=True)
    }
    for pair, one, usual, example in _unusual(pairs, facts, rounded):
        if _as_magnified(one.pixel_size, sizes[example]):
            continue
        yield findings.warning(
            "pixel-size",
            pair.image.name,
            f"a pixel is {rounded(one) or 'of unknown size'}, but {example} says "
            f"{usual or 'nothing'}.",
            "If the magnifications differ, resize images and masks to one.",
        )


def _as_magnified(one: PixelSize | None, other: PixelSize | None) -> bool:
    """Tells whether two sizes of pixels differ as scanners of one kind do."""
    if one is None or other is None or one.unit != other.unit:
        return False
    sizes = [one.height, one.width], [other.height, other.width]
    return bool(np.allclose(*sizes, rtol=OF_SCANNERS, atol=0))


def _unusual(
    pairs: Sequence[Pair],
    facts: Sequence[ImageFacts],
    property_of: Callable[[ImageFacts], object],
) -> Iterator[tuple[Pair, ImageFacts, object, str]]:
    """Yields pairs that differ from most: pair, facts, usual value, example."""
    properties = [property_of(one) for one in facts]
    usual, _ = collections.Counter(properties).most_common(1)[0]
    example = pairs[properties.index(usual)].image.name
    for pair, one, value in zip(pairs, facts, properties, strict=True):
        if value != usual:
            yield pair, one, usual, example


def _duplicates(
    pairs: Sequence[Pair], facts: Sequence[ImageFacts]
) -> Iterator[Finding]:
    known: dict[str, tuple[str, str]] = {}
    for pair, one in zip(pairs, facts, strict=True):
        first, digest = known.setdefault(
            one.image_digest, (pair.image.name, one.digest)
        )
        if first == pair.image.name:
            continue
        same = "" if digest == one.digest else ", but another mask"
        yield findings.warning(
            "duplicate",
            pair.image.name,
            f"has the same pixels as {first}{same}.",
            "Remove one of the two: it counts twice."
            if not same
            else "Find out which mask is right, and remove the other pair.",
        )
