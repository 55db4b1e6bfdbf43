"""What shows only when the classes of a set are known, and its parts to train on."""

from collections.abc import Iterator

import numpy as np

from pipelines.dataset import findings, palette_findings
from pipelines.dataset.dataset import Dataset
from pipelines.dataset.findings import Finding
from pipelines.dataset.mask_refusals import LISTED_COLOURS, as_greys
from pipelines.dataset.mask_values import RARE_SHARE
from pipelines.dataset.survey import Survey

ONE_CLASS = "one-class"
# Above, most tiles hold nothing to learn from.
MANY_EMPTY = 0.5
# Of classes that no mask has.
LISTED = 3


def of_whole(dataset: Dataset, masks: str) -> list[Finding]:
    """Returns findings on the classes of all pairs.

    Args:
        dataset: all pairs of the patterns of a run.
        masks: the pattern of the masks.
    """
    counts = dataset.class_counts()
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
        *_absent_classes(dataset, pixels, masks),
        *_rare_classes(dataset, counts),
    ]
    empty = np.flatnonzero(counts[:, 1:].sum(axis=1) == 0)
    number = len(dataset.pairs)
    if len(empty) > MANY_EMPTY * number:
        found.append(
            findings.warning(
                "empty-masks",
                dataset.pairs[empty[0]].mask.name,
                f"holds only background, as {len(empty)} of {number} masks do.",
                "Look whether objects were left out; leave out images without any.",
            )
        )
    return found


def of_parts(training: Dataset, held_out: Dataset) -> list[Finding]:
    """Returns what keeps two parts from being trained and validated on, and leaks."""
    return [
        *_of_both(training, held_out),
        *_unvalidated(training, held_out),
        *leaks(training, held_out),
        *_neighbours(training, held_out),
        *palette_findings.other_palettes(training, held_out),
    ]


def leaks(training: Dataset | Survey, held_out: Dataset | Survey) -> list[Finding]:
    """Returns warnings for images that are trained on and validated on."""
    known: dict[str, str] = {}
    for pair, one in zip(training.pairs, training.facts, strict=True):
        known.setdefault(one.image_digest, pair.image.name)
    return [
        findings.warning(
            "leak",
            pair.image.name,
            f"is held out for validation and has the same pixels as the training image "
            f"{known[one.image_digest]}: scores will be too good.",
            "Leave one of the two out, or hold out both.",
        )
        for pair, one in zip(held_out.pairs, held_out.facts, strict=True)
        if one.image_digest in known
    ]


def _of_both(training: Dataset, held_out: Dataset) -> Iterator[Finding]:
    image, mask = held_out.pairs[0].image.name, held_out.pairs[0].mask.name
    known, found = training.coding.num_classes, held_out.coding.num_classes
    if held_out.channels != training.channels:
        yield findings.error(
            "channels",
            image,
            f"{held_out.channels} channels, but the training images have "
            f"{training.channels}.",
            "Use images of one kind.",
        )
    if found > known:
        yield findings.error(
            "unknown-class",
            _first_with(held_out, found - 1),
            f"is held out and has the class id {found - 1}, but the highest in the "
            f"training masks is {known - 1}.",
            "Train on masks that show every class.",
        )
    if len(training.classes_found) < 2:
        yield findings.error(
            ONE_CLASS,
            training.pairs[0].mask.name,
            f"all pixels of the {len(training.pairs)} masks to train on are of one "
            "class; there is nothing to learn.",
            "Add masks that mark objects, or hold out other images.",
        )
    else:
        unlearned = held_out.classes_found - training.classes_found
        for number in sorted(unlearned & set(range(known))):
            yield findings.warning(
                "unlearned-class",
                _first_with(held_out, number),
                f"is held out and shows {training.class_names[number]}, which none of "
                f"the {len(training.pairs)} masks to train on has.",
                "Hold out other images (validation_stems), or add some that show it.",
            )
    if not held_out.classes_found:
        yield findings.error(
            "all-ignored",
            mask,
            f"all pixels of the {len(held_out.pairs)} masks that are held out are "
            "ignored; there is nothing to validate on.",
            "Hold out other images.",
        )


def _unvalidated(training: Dataset, held_out: Dataset) -> Iterator[Finding]:
    """Finds classes whose scores would be of nothing."""
    learned, found = training.classes_found, held_out.classes_found
    if len(learned) < 2 or not found:
        return
    # Of two classes no threshold can be chosen on one, and all scores are perfect.
    is_useless = training.coding.num_classes == 2
    tell = findings.error if is_useless else findings.warning
    number = len(held_out.pairs)
    none = "the held-out mask does not"
    if number > 1:
        none = f"none of the {number} held-out masks does"
    for missing in sorted(learned - found):
        yield tell(
            "unvalidated-class",
            _first_with(training, missing),
            f"shows {training.class_names[missing]}, which {none}: it would not be "
            "scored.",
            "Hold out images that show it (validation_stems), or add some that do.",
        )


def _neighbours(training: Dataset, held_out: Dataset) -> Iterator[Finding]:
    """Finds files of which some pages are trained on and some are held out."""
    files = {pair.image.path for pair in training.pairs}
    cut = [
        pair.image
        for pair in held_out.pairs
        if pair.image.page is not None and pair.image.path in files
    ]
    if cut:
        more = "" if len(cut) == 1 else f", as of {len(cut) - 1} more held-out pages"
        yield findings.warning(
            "neighbours",
            cut[0].name,
            f"is held out, and other pages of its file are trained on{more}: slices of "
            "a volume or frames of a film are so alike that scores will be too good "
            "for others.",
            "If they are such, hold out whole files (validation_stems), or name "
            "validation images of their own.",
        )


def _first_with(dataset: Dataset, number: int) -> str:
    """Returns the name of the first mask that shows a class."""
    place = int(np.argmax(dataset.class_counts()[:, number] > 0))
    return dataset.pairs[place].mask.name


def _absent_classes(
    dataset: Dataset, pixels: np.ndarray, masks: str
) -> Iterator[Finding]:
    """Yields one finding for all: ids 0, 10, 20 leave 18 classes without pixels."""
    absent = np.flatnonzero(pixels == 0).tolist()
    present = np.flatnonzero(pixels).tolist()
    if not absent:
        return
    names, in_colour = dataset.class_names, bool(dataset.coding.colours)
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


def _rare_classes(dataset: Dataset, counts: np.ndarray) -> Iterator[Finding]:
    shares = counts.sum(axis=0) / counts.sum()
    for number, share in enumerate(shares):
        if not 0 < share < RARE_SHARE:
            continue
        most = dataset.pairs[int(counts[:, number].argmax())].mask.name
        name = dataset.class_names[number]
        yield findings.warning(
            "rare-class",
            most,
            f"has most pixels of {name}, which is {share:.3%} of all pixels: a net may "
            "never find it.",
            "Add images that show it. fit centres more tiles on it (rare_share); "
            "if it is still missed, class_weights balanced makes it count more.",
        )
