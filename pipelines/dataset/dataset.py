"""Pairs of images and masks, read once and checked before the first training step."""

import collections
import dataclasses
import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.config import DataConfig
from pipelines.dataset import findings, mask_values, survey
from pipelines.dataset.class_id_image import ClassIds
from pipelines.dataset.findings import Finding
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import IGNORED, MaskCoding, class_names
from pipelines.dataset.pairing import Pair
from pipelines.images import ArrayCache, WindowedImage, open_image, open_mask
from pipelines.images.derived import MatchedChannels

logger = logging.getLogger(__name__)

# Of a kind; check lists all.
LOGGED_WARNINGS = 3


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Checked pairs: every image can be read, has its mask and fits the others.

    Attributes:
        pairs: of images and masks.
        facts: what reading each has shown.
        coding: what the values of the masks mean.
        scaling: of the pixels: "per_image" or "dtype".
        names: of the classes, in the order of their ids; empty if none are given.
    """

    pairs: tuple[Pair, ...]
    facts: tuple[ImageFacts, ...]
    coding: MaskCoding
    scaling: str = "per_image"
    names: tuple[str, ...] = ()

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
        return set(np.flatnonzero(self.class_counts().sum(axis=0)).tolist())

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of their ids."""
        return class_names(self.coding.num_classes, self.names)

    def class_counts(self) -> np.ndarray:
        """Returns the pixels of each class in each mask, without ignored ones.

        Returns:
            int64 (images, num_classes).
        """
        counts = np.zeros((len(self.facts), IGNORED + 1), np.int64)
        for row, one in zip(counts, self.facts, strict=True):
            class_ids = mask_values.class_ids(np.array([*one.mask_counts]), self.coding)
            np.add.at(row, class_ids, [*one.mask_counts.values()])
        return counts[:, : self.coding.num_classes]

    def describe(self) -> dict[str, Any]:
        """Returns names, pixel types and hashes of the pixels, as a run keeps them."""
        return {
            "images": [pair.image.name for pair in self.pairs],
            # By these `evaluate` knows the images again, whatever they are called.
            "image_digests": [facts.image_digest for facts in self.facts],
            "pixel_types": self.pixel_types,
            "fingerprint": self.fingerprint,
        }

    @property
    def pixel_types(self) -> dict[str, int]:
        """The types of the pixels and how many images have each, most first."""
        return dict(collections.Counter(f.dtype for f in self.facts).most_common())

    def open_image(self, index: int, cache: ArrayCache | None = None) -> WindowedImage:
        """Opens image `index`: values as in the file, without alpha."""
        entry = self.pairs[index].image
        return MatchedChannels(open_image(entry, cache), self.channels)

    def open_labels(self, index: int, cache: ArrayCache | None = None) -> WindowedImage:
        """Opens mask `index`: values as in the file, one or three channels."""
        return open_mask(self.pairs[index].mask, cache)

    def open_mask(self, index: int, cache: ArrayCache | None = None) -> WindowedImage:
        """Opens mask `index` as class ids: uint8, one channel."""
        return ClassIds(self.open_labels(index, cache), self.coding)

    def image(self, index: int) -> np.ndarray:
        """Reads image `index`: (height, width, channels), values as in the file."""
        with self.open_image(index) as image:
            return image.whole()

    def mask(self, index: int) -> np.ndarray:
        """Reads mask `index` as class ids: uint8 (height, width)."""
        with self.open_mask(index) as mask:
            return mask.whole()[..., 0]

    def of_channels(self, channels: int) -> "Dataset":
        """Returns the data set of the first channels: without alpha, for example."""
        facts = (
            dataclasses.replace(
                one,
                channels=channels,
                mean=one.mean[:channels],
                std=one.std[:channels],
            )
            for one in self.facts
        )
        return dataclasses.replace(self, facts=tuple(facts))

    def subset(self, indices: list[int]) -> "Dataset":
        """Returns the data set of some of the pairs."""
        return dataclasses.replace(
            self,
            pairs=tuple(self.pairs[index] for index in indices),
            facts=tuple(self.facts[index] for index in indices),
        )


def load_dataset(
    config: DataConfig,
    *,
    images: str | None = None,
    masks: str | None = None,
    known: MaskCoding | None = None,
    scaling: str | None = None,
    cache: ArrayCache | None = None,
) -> Dataset:
    """Pairs images with masks, reads all of them once and checks them.

    Warnings are logged.

    Args:
        config: patterns of images and masks, and what mask values mean.
        images: pattern of other images to read in the same way.
        masks: pattern of their masks.
        known: how the masks of the same run were read; decides what `config` leaves
            open.
        scaling: of the pixels, "per_image" or "dtype"; by default `config.scaling`, or
            per_image where the settings have none.
        cache: of decoded images.

    Raises:
        ValueError: a file has no partner, cannot be read, differs in size from its
            partner or in channels from the others, holds NaN, or the masks' values
            are not of the kind; names the first such file.
    """
    how = scaling or str(getattr(config, "scaling", "per_image"))
    found = survey.survey(
        config, images=images, masks=masks, known=known, scaling=how, cache=cache
    )
    heed(found.findings)
    if found.coding is None:
        raise ValueError(f"{masks or config.masks}: no mask could be read.")
    dataset = Dataset(found.pairs, found.facts, found.coding, how, config.class_names)
    if config.mask_kind == "auto" and known is None:
        logger.info("Masks are %s.", dataset.coding.in_words)
    return dataset


def heed(found: Sequence[Finding]) -> None:
    """Raises ValueError for the first error among findings; else logs the warnings."""
    findings.refuse_errors(found, "keras-unet check lists them")
    for line in findings.table(found, LOGGED_WARNINGS):
        logger.warning("%s", line)
