"""Images paired with their masks by name."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable

from pipelines.images import ImageEntry, find_images

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    image: ImageEntry
    mask: ImageEntry


def find_pairs(images: str, masks: str) -> list[Pair]:
    """Pairs images with masks by their exact stem.

    Two files that the patterns name outright belong together whatever their stems;
    stacks are then paired page by page.

    Raises:
        ValueError: an image has no mask, is its own mask, or two files of a pattern
            share a stem.
    """
    image_entries, mask_entries = find_images(images), find_images(masks)
    two_files = pathlib.Path(images).is_file() and pathlib.Path(masks).is_file()
    key = _page if two_files else _stem_and_page
    by_key = _by_key(mask_entries, key, masks)
    missing = [e for e in _by_key(image_entries, key, images) if e not in by_key]
    if missing:
        first = next(e for e in image_entries if key(e) == missing[0])
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        same = "page" if two_files else "stem"
        raise ValueError(
            f"{first.name}{more}: no mask of the same {same} in {masks}. Add the mask, "
            "or leave the image out."
        )
    unused = set(by_key) - {key(entry) for entry in image_entries}
    if unused:
        logger.warning(
            "%d masks have no image and are not used: %s",
            len(unused),
            ", ".join(sorted(unused)[:5]),
        )
    pairs = [Pair(entry, by_key[key(entry)]) for entry in image_entries]
    for pair in pairs:
        if pair.image.path.resolve() == pair.mask.path.resolve():
            raise ValueError(
                f"{pair.image.name}: is named as an image and as its own mask. Keep "
                "images and masks in different files."
            )
    return pairs


def _page(entry: ImageEntry) -> str:
    return f"page {entry.page or 0}"


def _stem_and_page(entry: ImageEntry) -> str:
    return entry.key


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
