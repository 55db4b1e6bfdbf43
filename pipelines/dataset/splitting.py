"""Which pairs are held out for validation."""

import collections
import itertools
import json
import shlex
import unicodedata

from pipelines.dataset.dataset import Dataset

HELD_OUT_EVERY = 5


def split(
    dataset: Dataset, validation_stems: tuple[str, ...]
) -> tuple[Dataset, Dataset]:
    """Splits pairs into training and validation.

    Without stems every fifth pair is held out (of fewer than five the last). Where a
    class would then be missing on a side, every fifth is counted from another pair, if
    that is better. Of five files of several pages or more, every fifth whole file is
    held out: the pages of a file are often neighbours.

    Args:
        dataset: pairs sorted by name.
        validation_stems: stems to hold out, for whole files, or numbers of pages, for
            those pages of every stack; empty for the above.

    Returns:
        (training, validation).

    Raises:
        ValueError: a stem does not exist, or one of the two sides would be empty.
    """
    if validation_stems:
        held_out = _indices_of_stems(dataset, validation_stems)
    else:
        held_out = _every_fifth(dataset)
    return _parts(dataset, held_out)


def _parts(dataset: Dataset, held_out: list[int]) -> tuple[Dataset, Dataset]:
    away = set(held_out)
    number = len(dataset.pairs)
    kept = [index for index in range(number) if index not in away]
    if not kept:
        raise ValueError(
            f"{len(held_out)} of {number} images are held out for validation: "
            "none is left to train on. Add images, or name validation images of "
            f"their own{_cut_of_one(dataset)}."
        )
    return dataset.subset(kept), dataset.subset(held_out)


def _cut_of_one(dataset: Dataset) -> str:
    """Returns the command that makes two images of a single one, as a way out."""
    pair, *others = dataset.pairs
    image, mask = pair.image, pair.mask
    if others or image.page is not None or mask.page is not None:
        return ""
    # As Python and the shell take any name.
    paths = (json.dumps(str(one.path), ensure_ascii=False) for one in (image, mask))
    code = (
        "from pipelines.dataset import cut_in_two; "
        f'cut_in_two({", ".join(paths)}, "cut")'
    )
    return (
        f"; or cut a large one in two: python -c {shlex.quote(code)} writes cut/images "
        "and cut/masks, to be named instead"
    )


def _every_fifth(dataset: Dataset) -> list[int]:
    units = _units(dataset)
    every = min(HELD_OUT_EVERY, len(units))
    # The usual one first: of equals it is taken.
    choices = [
        list(itertools.chain.from_iterable(units[first::every]))
        for first in reversed(range(every))
    ]

    def classes(held_out: list[int]) -> tuple[int, int]:
        training, validation = _parts(dataset, held_out)
        return len(training.classes_found), len(validation.classes_found)

    # What is not trained on is worse than what is not validated on.
    return choices[0] if len(units) == 1 else max(choices, key=classes)


def _units(dataset: Dataset) -> list[list[int]]:
    """Returns what is held out together: the pages of a file, or single images."""
    files = collections.defaultdict(list)
    for index, pair in enumerate(dataset.pairs):
        files[pair.image.path].append(index)
    if sum(len(pages) > 1 for pages in files.values()) >= HELD_OUT_EVERY:
        return list(files.values())
    return [[index] for index in range(len(dataset.pairs))]


def _indices_of_stems(dataset: Dataset, stems: tuple[str, ...]) -> list[int]:
    """Returns the pairs of some stems; a number is that page of every stack."""
    indices = collections.defaultdict(list)
    for index, pair in enumerate(dataset.pairs):
        page = pair.image.page
        if page is not None:
            indices[str(page)].append(index)
        indices[pair.image.stem].append(index)
    stems = tuple(unicodedata.normalize("NFC", stem) for stem in stems)
    unknown = [stem for stem in stems if stem not in indices]
    if unknown:
        raise ValueError(
            f"validation_stems: no image is called {', '.join(unknown)}; there are "
            f"{', '.join(list(indices)[:10])}{', ...' if len(indices) > 10 else ''}."
        )
    return sorted({index for stem in stems for index in indices[stem]})
