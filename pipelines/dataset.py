"""Images paired with their masks, checked before the first training step."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import tqdm

from pipelines import mask_values, scaling
from pipelines.images import (
    ImageEntry,
    find_images,
    match_channels,
    read_image,
    reading,
)
from pipelines.mask_values import MaskCoding

logger = logging.getLogger(__name__)

HELD_OUT_EVERY = 5


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    image: ImageEntry
    mask: ImageEntry


@dataclasses.dataclass(frozen=True)
class ImageFacts:
    """What one read of a pair tells.

    Attributes:
        height: of the image, pixels.
        width: of the image, pixels.
        channels: of the image as the net takes it (without alpha).
        dtype: of the image file.
        mean: of each channel.
        std: of each channel; 1 where it is constant.
        mask_counts: how many pixels of the mask have each value.
        digest: hash of the pixels of image and mask.
    """

    height: int
    width: int
    channels: int
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mask_counts: dict[int, int]
    digest: str


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Checked pairs: every image can be read, has its mask and fits the others."""

    pairs: tuple[Pair, ...]
    facts: tuple[ImageFacts, ...]
    coding: MaskCoding

    @property
    def channels(self) -> int:
        """Channels of every image."""
        return self.facts[0].channels

    @property
    def fingerprint(self) -> str:
        """Hash of all pixels of all pairs, in order."""
        digests = "".join(facts.digest for facts in self.facts)
        return hashlib.blake2b(digests.encode(), digest_size=16).hexdigest()

    @property
    def classes_found(self) -> set[int]:
        """Ids of the classes that occur in the masks."""
        values = {value for facts in self.facts for value in facts.mask_counts}
        ids = mask_values.class_ids(np.array(sorted(values)), self.coding)
        return set(ids.tolist())

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of their ids."""
        if self.coding.num_classes == 2:
            return ["background", "foreground"]
        return [f"class {index}" for index in range(self.coding.num_classes)]

    def describe(self) -> dict[str, Any]:
        """Returns names and fingerprint, as a run keeps them."""
        names = [pair.image.name for pair in self.pairs]
        return {"images": names, "fingerprint": self.fingerprint}

    def image(self, index: int) -> np.ndarray:
        """Reads image `index`: (height, width, channels), values as in the file."""
        entry = self.pairs[index].image
        return match_channels(read_image(entry), self.channels, entry)

    def mask(self, index: int) -> np.ndarray:
        """Reads mask `index` as class ids: uint8 (height, width)."""
        entry = self.pairs[index].mask
        return mask_values.class_ids(reading.read_mask(entry), self.coding)

    def subset(self, indices: list[int]) -> "Dataset":
        """Returns the data set of some of the pairs."""
        return dataclasses.replace(
            self,
            pairs=tuple(self.pairs[index] for index in indices),
            facts=tuple(self.facts[index] for index in indices),
        )


def load_dataset(images: str, masks: str, mask_kind: str) -> Dataset:
    """Pairs images with masks, reads all of them once and checks them.

    Args:
        images: pattern of the images.
        masks: pattern of the masks.
        mask_kind: "auto", "binary", "classes" or "instances".

    Raises:
        ValueError: a file has no partner, cannot be read, differs in size from its
            partner or in channels from the others, holds NaN, or the masks' values
            are not of the kind; names the file.
    """
    pairs = find_pairs(images, masks)
    facts = []
    for pair in tqdm.tqdm(pairs, desc="Checking", unit="image", disable=None):
        facts.append(_facts(pair))
        _check_channels(pair, facts[-1], pairs[0], facts[0])
    files = [(p.mask.name, f.mask_counts) for p, f in zip(pairs, facts, strict=True)]
    coding = mask_values.recognise(files, mask_kind)
    return Dataset(tuple(pairs), tuple(facts), coding)


def find_pairs(images: str, masks: str) -> list[Pair]:
    """Pairs images with masks by their exact stem, or page by page for two stacks.

    Raises:
        ValueError: an image has no mask, or two files of a pattern share a stem.
    """
    image_entries, mask_entries = find_images(images), find_images(masks)
    key = _pairing_key(image_entries, mask_entries)
    by_key = _by_key(mask_entries, key, masks)
    missing = [e for e in _by_key(image_entries, key, images) if e not in by_key]
    if missing:
        first = next(e for e in image_entries if key(e) == missing[0])
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{first.name}{more}: no mask of the same stem in {masks}. Add the mask, "
            "or leave the image out."
        )
    unused = set(by_key) - {key(entry) for entry in image_entries}
    if unused:
        logger.warning(
            "%d masks have no image and are not used: %s",
            len(unused),
            ", ".join(sorted(unused)[:5]),
        )
    return [Pair(entry, by_key[key(entry)]) for entry in image_entries]


def split(
    dataset: Dataset, validation_stems: tuple[str, ...]
) -> tuple[Dataset, Dataset]:
    """Splits pairs into training and validation.

    Args:
        dataset: pairs sorted by name.
        validation_stems: stems to hold out (numbers of pages for a stack); if empty,
            every fifth pair (of fewer than five the last).

    Raises:
        ValueError: a stem does not exist, or one of the two sides would be empty.
    """
    indices = range(len(dataset.pairs))
    if validation_stems:
        held_out = _indices_of_stems(dataset, validation_stems)
    else:
        held_out = list(indices[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]) or [indices[-1]]
    kept = [index for index in indices if index not in held_out]
    if not kept:
        raise ValueError(
            f"{len(held_out)} of {len(indices)} images are held out for validation: "
            "none is left to train on. Add images, or name validation images of "
            "their own."
        )
    return dataset.subset(kept), dataset.subset(held_out)


def _indices_of_stems(dataset: Dataset, stems: tuple[str, ...]) -> list[int]:
    names = {}
    for index, pair in enumerate(dataset.pairs):
        page = pair.image.page
        names[pair.image.stem if page is None else str(page)] = index
    unknown = [stem for stem in stems if stem not in names]
    if unknown:
        raise ValueError(
            f"validation_stems: no image is called {', '.join(unknown)}; there are "
            f"{', '.join(list(names)[:10])}{', ...' if len(names) > 10 else ''}."
        )
    return sorted({names[stem] for stem in stems})


def _pairing_key(
    images: list[ImageEntry], masks: list[ImageEntry]
) -> Callable[[ImageEntry], str]:
    one_file_each = all(len({e.path for e in es}) == 1 for es in (images, masks))
    if one_file_each:
        # Two files named by the user belong together whatever their names.
        return lambda entry: f"page {entry.page or 0}"
    return lambda entry: entry.key


def _by_key(
    entries: list[ImageEntry], key: Callable[[ImageEntry], str], pattern: str
) -> dict[str, ImageEntry]:
    found: dict[str, ImageEntry] = {}
    for entry in entries:
        if key(entry) in found:
            raise ValueError(
                f"{pattern}: {found[key(entry)].name} and {entry.name} have the same "
                "stem, so their partner is unclear. Rename or leave out one."
            )
        found[key(entry)] = entry
    return found


def _facts(pair: Pair) -> ImageFacts:
    image, mask = read_image(pair.image), reading.read_mask(pair.mask)
    if image.shape[:2] != mask.shape:
        raise ValueError(
            f"{pair.mask.name}: the mask is {mask.shape[0]}x{mask.shape[1]} (height x "
            f"width), but its image {pair.image.name} is "
            f"{image.shape[0]}x{image.shape[1]}. Give a mask of the image's size."
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError(
            f"{pair.image.name}: holds {np.sum(~np.isfinite(image))} NaN or infinite "
            "pixels. Replace them with finite values."
        )
    if image.shape[2] in (2, 4) and pair.image.path.suffix.lower() == ".png":
        image = image[..., :-1]  # alpha says nothing of the object
    mean, std = scaling.image_statistics(image)
    values, counts = np.unique(mask, return_counts=True)
    digest = hashlib.blake2b(image.tobytes(), digest_size=16)
    digest.update(mask.tobytes())
    return ImageFacts(
        height=image.shape[0],
        width=image.shape[1],
        channels=image.shape[2],
        dtype=str(image.dtype),
        mean=tuple(mean.numpy().tolist()),
        std=tuple(std.numpy().tolist()),
        mask_counts=dict(zip(values.tolist(), counts.tolist(), strict=True)),
        digest=digest.hexdigest(),
    )


def _check_channels(
    pair: Pair, facts: ImageFacts, first: Pair, first_facts: ImageFacts
) -> None:
    if facts.channels != first_facts.channels:
        raise ValueError(
            f"{pair.image.name}: {facts.channels} channels, but {first.image.name} has "
            f"{first_facts.channels}. All images of a set need the same channels: "
            "convert or leave out one kind."
        )
