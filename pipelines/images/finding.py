"""Which images a pattern names: files of a folder or glob, images of a stack."""

import dataclasses
import glob
import os
import pathlib
import unicodedata

from pipelines.images import bio, npy, zarr_store
from pipelines.images.kinds import (
    BIO_SUFFIXES,
    SUFFIXES,
    ZARR_METADATA,
    ZARR_SUFFIX,
    Kind,
    is_zarr_node,
    kind_of,
    stem_of,
)
from pipelines.images.tiff import contents as tiff

_COUNTS = {
    Kind.TIFF: tiff.count_images,
    Kind.NPY: npy.count_images,
    Kind.ZARR: zarr_store.count_images,
    Kind.OTHER: bio.count_images,
}


def printable(name: str) -> str:
    """Returns a file's name for words and reports: what is no UTF-8 as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@dataclasses.dataclass(frozen=True, order=True)
class ImageEntry:
    """One image: a file, or one of a file that holds several.

    Attributes:
        path: the file, or the folder of a Zarr store.
        page: the number from 0 of a page of a TIFF, or of an image of another stack;
            None for a file that is one image.
    """

    path: pathlib.Path
    page: int | None = None

    @property
    def stem(self) -> str:
        """The file's name without its suffix; .ome.tif and .ome.zarr are one.

        Of what lies within a Zarr the path from there, as `stem_of` has it.

        In the form NFC: an accent is one letter or two signs, by the system that wrote
        the name.
        """
        stem = unicodedata.normalize("NFC", printable(stem_of(self.path)))
        return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem

    @property
    def name(self) -> str:
        """What messages call it."""
        name = printable(str(self.path))
        return name if self.page is None else f"{name} page {self.page}"

    @property
    def key(self) -> str:
        """What tells it from others of its set: its stem, or stem and page."""
        return self.stem if self.page is None else f"{self.stem}:{self.page}"


def find_images(pattern: str, *, damaged: bool = False) -> list[ImageEntry]:
    """Lists the images that a pattern names, sorted by file name.

    Args:
        pattern: a file, a folder (its image files and Zarr stores, not files of its
            folders), a glob, a Zarr store or what lies within one, or a stack in one
            file (each page is an image). A link to what is missing counts as a file:
            opening it says so.
        damaged: takes a file whose pages cannot be counted for one image, so that the
            others are found; opening it says what is wrong.

    Raises:
        ValueError: nothing is found, or a file is of a kind that is not read.
    """
    paths = _paths(pattern)
    if not paths:
        raise ValueError(
            f"{pattern}: no images found; expected a file, a folder or a glob of "
            f"{', '.join(SUFFIXES)} files.{_hint(pattern)}"
        )
    entries = [entry for file in paths for entry in _entries(file, damaged)]
    if not entries:
        raise ValueError(
            f"{pattern}: contains only further channels of images whose first channel "
            "is in another file of their OME-TIFF set. Name those files too, or the "
            "whole folder."
        )
    return entries


def _paths(pattern: str) -> list[pathlib.Path]:
    path = pathlib.Path(pattern)
    if path.is_dir() and path.suffix.lower() != ZARR_SUFFIX:
        files = [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in (*SUFFIXES, *BIO_SUFFIXES)
            and not file.name.startswith(".")
            and _is_image(file)
        ]
        return files or [path] * is_zarr_node(path)
    if _is_image(path):
        return [path]
    # Two ** match a file once for each way to divide its folders among them.
    matches = map(pathlib.Path, sorted(glob.glob(pattern, recursive=True)))
    found = dict.fromkeys(path for path in matches if _is_image(path))
    # What lies within a Zarr that is named too, as its chunks, is a part of it.
    return [path for path in found if found.keys().isdisjoint(path.parents)]


def _is_image(path: pathlib.Path) -> bool:
    if path.is_symlink() and not path.exists():
        return True
    if path.is_dir():
        return path.suffix.lower() == ZARR_SUFFIX or is_zarr_node(path)
    is_store = path.suffix.lower() == ZARR_SUFFIX or path.name in ZARR_METADATA
    return path.is_file() and not is_store


def _hint(pattern: str) -> str:
    folder = pathlib.Path(pattern)
    return _hint_of_folder(folder) if folder.is_dir() else _hint_of_brackets(pattern)


def _hint_of_folder(folder: pathlib.Path) -> str:
    """Returns what is said of a folder without images: what it holds instead."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    inner = [path.name for path in inside if path.is_dir()]
    if inner:
        return (
            f" Its folders, such as {printable(min(inner))}, are not looked into: name "
            f"their images by a glob in quotes, as '{printable(str(folder))}/*/*.png'."
        )
    kinds = sorted({path.suffix for path in inside if path.suffix})
    return f" It holds {', '.join(map(printable, kinds[:5]))} files." if kinds else ""


def _hint_of_brackets(pattern: str) -> str:
    """Returns what is said where brackets are part of a name that is there."""
    named = pathlib.Path(pattern).parts
    parts = list(named)
    for number, part in enumerate(parts):
        escaped = part.replace("[", "[[]")
        if escaped != part and glob.glob(
            os.path.join(*parts[:number], escaped), recursive=True
        ):
            parts[number] = escaped
    if parts == list(named):
        return ""
    return (
        " Brackets are a choice of letters in a glob: for those of a name write [[], "
        f"as {os.path.join(*parts)}."
    )


def _entries(path: pathlib.Path, damaged: bool) -> list[ImageEntry]:
    try:
        count = _COUNTS.get(kind_of(path), lambda _: 1)(path)
    except ValueError:
        if not damaged:
            raise
        count = 1
    if count == 1:
        return [ImageEntry(path)]
    return [ImageEntry(path, page) for page in range(count)]
