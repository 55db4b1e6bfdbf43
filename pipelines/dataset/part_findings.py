"""What shows only when the parts to train on and to validate on are known."""

from collections.abc import Iterator

import numpy as np

from pipelines.dataset import findings, set_findings
from pipelines.dataset.dataset import Dataset
from pipelines.dataset.findings import Finding
from pipelines.dataset.set_findings import ONE_CLASS


def of_whole(dataset: Dataset, masks: str) -> list[Finding]:
    """Returns findings on the classes of all pairs.

    Args:
        dataset: all pairs of the patterns of a run.
        masks: the pattern of the masks.
    """
    return set_findings.of_classes(
        dataset.pairs,
        dataset.class_counts(),
        dataset.class_names,
        masks,
        in_colour=bool(dataset.coding.colours),
    )


def of_parts(training: Dataset, held_out: Dataset) -> list[Finding]:
    """Returns what keeps two parts from being trained and validated on, and leaks."""
    leaks = set_findings.leaks(
        (training.pairs, training.facts), (held_out.pairs, held_out.facts)
    )
    return [
        *_of_both(training, held_out),
        *_unvalidated(training, held_out),
        *leaks,
        *_neighbours(training, held_out),
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
