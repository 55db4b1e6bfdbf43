"""Which images a pattern names: files of a folder or glob, pages of a TIFF."""

import dataclasses
import glob
import pathlib

from pipelines.images import tiff

TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (".png", ".jpg", ".jpeg", *TIFF_SUFFIXES)


@dataclasses.dataclass(frozen=True, order=True)
class ImageEntry:
    """One image: a file, or a page of a multi-page TIFF.

    Attributes:
        path: the file.
        page: the page's number from 0, None for a file that is one image.
    """

    path: pathlib.Path
    page: int | None = None

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path) if self.page is None else f"{self.path} page {self.page}"

    @property
    def key(self) -> str:
        """What tells it from others of its set: its stem, or stem and page."""
        return self.stem if self.page is None else f"{self.stem}:{self.page}"


def find_images(pattern: str) -> list[ImageEntry]:
    """Lists the images that a pattern names, sorted by file name.

    Args:
        pattern: a file, a folder (its image files, not those of its folders), a glob,
            or a multi-page TIFF (each page is an image).

    Raises:
        ValueError: nothing is found, or a file is of a kind that is not read.
    """
    path = pathlib.Path(pattern)
    if path.is_dir():
        paths = [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in SUFFIXES
            and not file.name.startswith(".")
            and file.is_file()
        ]
    elif path.is_file():
        paths = [path]
    else:
        paths = [pathlib.Path(file) for file in sorted(glob.glob(pattern))]
        paths = [file for file in paths if file.is_file()]
    if not paths:
        raise ValueError(
            f"{pattern}: no images found; expected a file, a folder or a glob of "
            f"{', '.join(SUFFIXES)} files."
        )
    return [entry for file in paths for entry in _entries(file)]


def _entries(path: pathlib.Path) -> list[ImageEntry]:
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path}: files of this kind are not read; expected one of "
            f"{', '.join(SUFFIXES)}. Name images only, or convert it."
        )
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return [ImageEntry(path)]
    num_pages = tiff.count_images(path)
    if num_pages == 1:
        return [ImageEntry(path)]
    return [ImageEntry(path, page) for page in range(num_pages)]
