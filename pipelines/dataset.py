"""Pairs of images and masks, read once and checked before the first training step."""

import collections
import dataclasses
import hashlib
from typing import Any

import numpy as np
import tqdm

from pipelines import mask_values, scaling
from pipelines.config import DataConfig
from pipelines.images import (
    ArrayCache,
    ArrayImage,
    WindowedImage,
    match_channels,
    open_image,
    open_mask,
    read_image,
    read_mask,
)
from pipelines.mask_values import MaskCoding
from pipelines.pairing import Pair, find_pairs

HELD_OUT_EVERY = 5


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
    scaling: str = "per_image"

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
        if self.coding.num_classes == 2:
            return ["background", "foreground"]
        return [f"class {index}" for index in range(self.coding.num_classes)]

    def class_counts(self) -> np.ndarray:
        """Returns the pixels of each class in each mask, without ignored ones.

        Returns:
            int64 (images, num_classes).
        """
        counts = np.zeros((len(self.facts), mask_values.IGNORED + 1), np.int64)
        for row, facts in zip(counts, self.facts, strict=True):
            values = np.array(list(facts.mask_counts))
            pixels = list(facts.mask_counts.values())
            np.add.at(row, mask_values.class_ids(values, self.coding), pixels)
        return counts[:, : self.coding.num_classes]

    def describe(self) -> dict[str, Any]:
        """Returns names and fingerprint, as a run keeps them."""
        names = [pair.image.name for pair in self.pairs]
        return {"images": names, "fingerprint": self.fingerprint}

    def open_image(self, index: int, cache: ArrayCache | None = None) -> WindowedImage:
        """Opens image `index`: values as in the file, without alpha."""
        entry = self.pairs[index].image
        return _MatchedChannels(open_image(entry, cache), self.channels)

    def open_labels(self, index: int, cache: ArrayCache | None = None) -> WindowedImage:
        """Opens mask `index`: values as in the file, one or three channels."""
        return open_mask(self.pairs[index].mask, cache)

    def open_mask(self, index: int, cache: ArrayCache | None = None) -> WindowedImage:
        """Opens mask `index` as class ids: uint8, one channel."""
        return _ClassIds(self.open_labels(index, cache), self.coding)

    def image(self, index: int) -> np.ndarray:
        """Reads image `index`: (height, width, channels), values as in the file."""
        with self.open_image(index) as image:
            return image.whole()

    def mask(self, index: int) -> np.ndarray:
        """Reads mask `index` as class ids: uint8 (height, width)."""
        with self.open_mask(index) as mask:
            return mask.whole()[..., 0]

    def subset(self, indices: list[int]) -> "Dataset":
        """Returns the data set of some of the pairs."""
        return dataclasses.replace(
            self,
            pairs=tuple(self.pairs[index] for index in indices),
            facts=tuple(self.facts[index] for index in indices),
        )


class _Derived(WindowedImage):
    """An image whose windows are made from those of another."""

    def __init__(self, source: WindowedImage) -> None:
        self._source = source
        self.name, self.dtype = source.name, source.dtype
        self.height, self.width = source.height, source.width
        self.channels, self.pixel_size = source.channels, source.pixel_size

    def close(self) -> None:
        """Closes the other."""
        self._source.close()


class _MatchedChannels(_Derived):
    """An image without the alpha channel that a model does not take."""

    def __init__(self, source: WindowedImage, channels: int) -> None:
        super().__init__(source)
        self.channels = channels

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns `channels` channels."""
        pixels = self._source.window(top, left, height, width)
        return match_channels(pixels, self.channels, self.name)


class _ClassIds(_Derived):
    """A mask as class ids."""

    def __init__(self, source: WindowedImage, coding: MaskCoding) -> None:
        super().__init__(source)
        self._coding = coding
        self.channels, self.dtype = 1, np.dtype(np.uint8)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns class ids, uint8 (height, width, 1)."""
        values = self._source.window(top, left, height, width)
        in_colour = bool(self._coding.colours)
        values = mask_values.numbers_of(values, in_colour=in_colour)
        return mask_values.class_ids(values, self._coding)


def load_dataset(
    config: DataConfig,
    *,
    images: str | None = None,
    masks: str | None = None,
    known: MaskCoding | None = None,
) -> Dataset:
    """Pairs images with masks, reads all of them once and checks them.

    Args:
        config: patterns of images and masks, and what mask values mean.
        images: pattern of other images to read in the same way.
        masks: pattern of their masks.
        known: how the masks of the same run were read.

    Raises:
        ValueError: a file has no partner, cannot be read, differs in size from its
            partner or in channels from the others, holds NaN, or the masks' values
            are not of the kind; names the file.
    """
    pairs = find_pairs(images or config.images, masks or config.masks)
    facts = []
    for pair in tqdm.tqdm(pairs, desc="Checking", unit="image", disable=None):
        facts.append(_facts(pair, getattr(config, "scaling", "per_image")))
        _check_channels(pair, facts[-1], pairs[0], facts[0])
    files = [(p.mask.name, f.mask_counts) for p, f in zip(pairs, facts, strict=True)]
    coding = mask_values.recognise(files, config.mask_kind, known)
    scaling = getattr(config, "scaling", "per_image")
    return Dataset(tuple(pairs), tuple(facts), coding, scaling)


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
    """Returns the pairs of some stems; a number is that page of every stack."""
    indices = collections.defaultdict(list)
    for index, pair in enumerate(dataset.pairs):
        page = pair.image.page
        indices[pair.image.stem if page is None else str(page)].append(index)
    unknown = [stem for stem in stems if stem not in indices]
    if unknown:
        raise ValueError(
            f"validation_stems: no image is called {', '.join(unknown)}; there are "
            f"{', '.join(list(indices)[:10])}{', ...' if len(indices) > 10 else ''}."
        )
    return sorted({index for stem in stems for index in indices[stem]})


def _facts(pair: Pair, how: str) -> ImageFacts:
    image, mask = read_image(pair.image), read_mask(pair.mask)
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
    mean, std = scaling.statistics_of(ArrayImage(image, pair.image.name), how)
    values, counts = np.unique(mask, return_counts=True)
    digest = hashlib.blake2b(image.tobytes(), digest_size=16)
    digest.update(mask.tobytes())
    return ImageFacts(
        height=image.shape[0],
        width=image.shape[1],
        channels=image.shape[2],
        dtype=str(image.dtype),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
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
