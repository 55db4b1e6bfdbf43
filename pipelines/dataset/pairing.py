"""Images paired with their masks by name."""

import dataclasses
import pathlib
import unicodedata
from collections.abc import Callable, Sequence

from pipelines.dataset import findings
from pipelines.dataset.findings import Finding
from pipelines.images import ImageEntry, find_images

Key = Callable[[ImageEntry], str | None]


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    image: ImageEntry
    mask: ImageEntry


@dataclasses.dataclass(frozen=True)
class Affixes:
    """What the stems of one side have beside the stem that the two sides share.

    Attributes:
        prefix: before the common stem, as "img_".
        suffix: after it, as "_mask".
    """

    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        """Returns a stem with an asterisk for the common part."""
        return f"{self.prefix}*{self.suffix}"

    def key(self, entry: ImageEntry) -> str | None:
        """Returns the common stem (and page); None for another kind of name."""
        stem = entry.stem
        prefix, suffix = (
            unicodedata.normalize("NFC", affix) for affix in (self.prefix, self.suffix)
        )
        has_both = stem.startswith(prefix) and stem.endswith(suffix)
        common = stem[len(prefix) : len(stem) - len(suffix)]
        if not has_both or not common:
            return None
        return common if entry.page is None else f"{common}:{entry.page}"


NO_AFFIXES = Affixes()


def find_pairs(
    images: str,
    masks: str,
    image_affixes: Affixes = NO_AFFIXES,
    mask_affixes: Affixes = NO_AFFIXES,
) -> tuple[list[Pair], list[Finding]]:
    """Pairs images with masks by their exact stem, apart from the affixes.

    Two files that the patterns name outright belong together whatever their stems;
    stacks are then paired page by page. Files without the affixes of their side are
    left out, so that images and masks may share a folder.

    Returns:
        Pairs sorted by image, and errors for images without a mask, images that are
        their own mask and stems that occur twice, warnings for files not used.

    Raises:
        ValueError: a pattern names nothing, or no file has its affixes.
    """
    image_entries = find_images(images, damaged=True)
    mask_entries = find_images(masks, damaged=True)
    two_files = _is_outright(images, image_entries) and _is_outright(
        masks, mask_entries
    )
    same = "page" if two_files else "stem"
    image_key: Key = _page if two_files else image_affixes.key
    mask_key: Key = _page if two_files else mask_affixes.key
    if not two_files:
        # In a folder of both, what is named as a mask is no image without one.
        if mask_affixes != NO_AFFIXES:
            image_entries = _without(image_entries, mask_entries, mask_key)
        elif image_affixes != NO_AFFIXES:
            mask_entries = _without(mask_entries, image_entries, image_key)
    found: list[Finding] = []
    by_image = _by_key(image_entries, image_key, images, image_affixes, found)
    by_mask = _by_key(mask_entries, mask_key, masks, mask_affixes, found)
    used = {entry.path.resolve() for entry in (*by_image.values(), *by_mask.values())}
    found += _unused(image_entries, image_key, image_affixes, used)
    found += _unused(mask_entries, mask_key, mask_affixes, used)
    found += _without_mask(by_image, by_mask, same, masks)
    found += _without_image(by_image, by_mask, same)
    pairs = [
        Pair(entry, by_mask[key]) for key, entry in by_image.items() if key in by_mask
    ]
    found += [_own_mask(pair) for pair in pairs if _is_own_mask(pair)]
    return [pair for pair in pairs if not _is_own_mask(pair)], found


def _is_outright(pattern: str, entries: Sequence[ImageEntry]) -> bool:
    """Tells whether a pattern is the name of a file or store, not of a folder."""
    return {entry.path for entry in entries} == {pathlib.Path(pattern)}


def _page(entry: ImageEntry) -> str | None:
    return f"page {entry.page or 0}"


def _by_key(
    entries: Sequence[ImageEntry],
    key: Key,
    pattern: str,
    affixes: Affixes,
    found: list[Finding],
) -> dict[str, ImageEntry]:
    """Returns entries by their keys; adds what is wrong with them to `found`."""
    by_key: dict[str, ImageEntry] = {}
    for entry in entries:
        name = key(entry)
        if name is None:
            continue
        if name in by_key:
            found.append(
                findings.error(
                    "same-stem",
                    entry.name,
                    f"has the same stem as {by_key[name].name}, so their partner is "
                    "unclear.",
                    "Rename or leave out one.",
                )
            )
        else:
            by_key[name] = entry
    if not by_key:
        raise ValueError(
            f"{pattern}: none of {len(entries)} files is called {affixes}. Correct "
            "prefix and suffix."
        )
    return by_key


def _unused(
    entries: Sequence[ImageEntry], key: Key, affixes: Affixes, used: set[pathlib.Path]
) -> list[Finding]:
    """Warns of what has not the affixes of its side and is not used on the other."""
    return [
        findings.warning(
            "other-name",
            entry.name,
            f"is not called {affixes} and is not used.",
            "Rename it, or correct prefix and suffix.",
        )
        for entry in entries
        if key(entry) is None and entry.path.resolve() not in used
    ]


def _without(
    entries: list[ImageEntry], others: list[ImageEntry], key: Key
) -> list[ImageEntry]:
    """Returns the entries that are not those of the other side, by their names."""
    files = {other.path.resolve() for other in others if key(other) is not None}
    return [entry for entry in entries if entry.path.resolve() not in files]


def _without_mask(
    images: dict[str, ImageEntry], masks: dict[str, ImageEntry], same: str, pattern: str
) -> list[Finding]:
    alone = {key: entry for key, entry in images.items() if key not in masks}
    # Where some are paired by their stems, 10 is no name for the mask of 1.
    affixes = _affixes_of_all(images, masks) if len(alone) == len(images) else None
    found = []
    for entry in alone.values():
        way_out = "Add the mask, or leave the image out."
        if entry.page is not None and entry.stem in masks:
            way_out = (
                "The mask is one image, the image's file holds several: if they are "
                "channels, save them as such (as the last axis, of at most 16, or with "
                "the axes CYX)."
            )
        elif affixes is not None:
            way_out = f"Masks are called {affixes}: say {_flags_of(affixes)}."
        found.append(
            findings.error(
                "no-mask",
                entry.name,
                f"no mask of the same {same} in {pattern}.",
                way_out,
            )
        )
    return found


def _affixes_of_all(
    images: dict[str, ImageEntry], masks: dict[str, ImageEntry]
) -> Affixes | None:
    """Returns what the masks of all these images have beside the images' names."""
    first = min(images, key=len)
    for key in masks:
        before, stem, behind = key.partition(first)
        if stem and all(f"{before}{other}{behind}" in masks for other in images):
            return Affixes(before, behind)
    return None


def _flags_of(affixes: Affixes) -> str:
    given = {"mask_prefix": affixes.prefix, "mask_suffix": affixes.suffix}
    return " and ".join(f"{name} {text}" for name, text in given.items() if text)


def _without_image(
    images: dict[str, ImageEntry], masks: dict[str, ImageEntry], same: str
) -> list[Finding]:
    return [
        findings.warning(
            "no-image",
            entry.name,
            f"no image of the same {same}; the mask is not used.",
            "Add the image, or remove the mask.",
        )
        for key, entry in masks.items()
        if key not in images
    ]


def _is_own_mask(pair: Pair) -> bool:
    return pair.image.path.resolve() == pair.mask.path.resolve()


def _own_mask(pair: Pair) -> Finding:
    return findings.error(
        "own-mask",
        pair.image.name,
        "is named as an image and as its own mask.",
        "Keep images and masks in different files; where both are in one folder, say "
        "mask_suffix or mask_prefix.",
    )
