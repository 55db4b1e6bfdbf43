"""What shows only when the images and masks of a set are compared with each other."""

import collections
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipelines.dataset import findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_refusals import LISTED_COLOURS, as_greys
from pipelines.dataset.mask_values import RARE_SHARE
from pipelines.dataset.pairing import Pair

ONE_CLASS = "one-class"
# Above, most tiles hold nothing to learn from.
MANY_EMPTY = 0.5
# Of classes that no mask has.
LISTED = 3


def of_images(pairs: Sequence[Pair], facts: Sequence[ImageFacts]) -> list[Finding]:
    """Returns findings on images that differ from the others, or occur twice."""
    return [
        *_other_channels(pairs, facts),
        *_other_types(pairs, facts),
        *_other_pixel_sizes(pairs, facts),
        *_duplicates(pairs, facts),
    ]


def of_classes(
    pairs: Sequence[Pair],
    counts: np.ndarray,
    names: Sequence[str],
    masks: str,
    *,
    in_colour: bool = False,
) -> list[Finding]:
    """Returns findings on what there is to learn.

    Args:
        pairs: of the set.
        counts: pixels of each class in each mask, (images, num_classes).
        names: of the classes.
        masks: the pattern of the masks.
        in_colour: the classes are told by colours.
    """
    pixels = counts.sum(axis=0)
    if np.count_nonzero(pixels) < 2:
        problem = findings.error(
            ONE_CLASS,
            masks,
            "all mask pixels have one value; there is nothing to learn.",
            "Name masks that mark the objects.",
        )
        return [problem]
    found = [
        *_absent_classes(pixels, names, masks, in_colour),
        *_rare_classes(pairs, counts, names),
    ]
    empty = np.flatnonzero(counts[:, 1:].sum(axis=1) == 0)
    if len(empty) > MANY_EMPTY * len(pairs):
        found.append(
            findings.warning(
                "empty-masks",
                pairs[empty[0]].mask.name,
                f"holds only background, as {len(empty)} of {len(pairs)} masks do.",
                "Look whether objects were left out; leave out images without any.",
            )
        )
    return found


def leaks(
    training: tuple[Sequence[Pair], Sequence[ImageFacts]],
    held_out: tuple[Sequence[Pair], Sequence[ImageFacts]],
) -> list[Finding]:
    """Returns warnings for images that are trained on and validated on.

    Args:
        training: pairs and facts.
        held_out: pairs and facts of the validation images.
    """
    known: dict[str, str] = {}
    for pair, one in zip(*training, strict=True):
        known.setdefault(one.image_digest, pair.image.name)
    return [
        findings.warning(
            "leak",
            pair.image.name,
            f"is held out for validation and has the same pixels as the training image "
            f"{known[one.image_digest]}: scores will be too good.",
            "Remove one of the two, or name both in validation_stems.",
        )
        for pair, one in zip(*held_out, strict=True)
        if one.image_digest in known
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

    for pair, one, usual, example in _unusual(pairs, facts, rounded):
        yield findings.warning(
            "pixel-size",
            pair.image.name,
            f"a pixel is {rounded(one) or 'of unknown size'}, but {example} says "
            f"{usual or 'nothing'}.",
            "If the magnifications differ, resize images and masks to one.",
        )


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


def _absent_classes(
    pixels: np.ndarray, names: Sequence[str], masks: str, in_colour: bool
) -> Iterator[Finding]:
    """Yields one finding for all: ids 0, 10, 20 leave 18 classes without pixels."""
    absent = np.flatnonzero(pixels == 0).tolist()
    present = np.flatnonzero(pixels).tolist()
    if not absent:
        return
    listed = [f"{names[number]} (id {number})" for number in absent[:LISTED]]
    more = len(absent) - LISTED
    anew = ""
    if len(absent) > 1 and not in_colour and len(present) <= LISTED_COLOURS:
        anew = f" class_colours {as_greys(present)} numbers them anew as they are read."
    yield findings.warning(
        "absent-class",
        masks,
        f"no mask has a pixel of {', '.join(listed)}"
        + (f" and {more} more." if more > 0 else "."),
        "Number the classes without gaps, or add masks that have "
        + ("it." if len(absent) == 1 else f"them.{anew}"),
    )


def _rare_classes(
    pairs: Sequence[Pair], counts: np.ndarray, names: Sequence[str]
) -> Iterator[Finding]:
    shares = counts.sum(axis=0) / counts.sum()
    for number, share in enumerate(shares):
        if not 0 < share < RARE_SHARE:
            continue
        most = pairs[int(counts[:, number].argmax())].mask.name
        yield findings.warning(
            "rare-class",
            most,
            f"has most pixels of {names[number]}, which is {share:.3%} of all "
            "pixels: a net may never find it.",
            "Add images that show it. fit centres more tiles on it (rare_share); "
            "if it is still missed, class_weights balanced makes it count more.",
        )
