"""Which files a prediction writes."""

import dataclasses
import itertools
import operator
import pathlib
from collections.abc import Collection

from pipelines.images import ImageEntry, geo
from pipelines.images.kinds import Kind, kind_of
from pipelines.images.tiff.contents import is_georeferenced
from pipelines.results.layout import ImageLayout
from pipelines.results.png_writing import MOST_PIXELS, png_holds
from pipelines.results.windowed_writing import WRITTEN_SUFFIXES
from pipelines.results.writing import (
    default_suffix,
    output_paths,
    tiff_instead,
)

_SUFFIXES = {"png": ".png", "tiff": ".tif", "zarr": ".zarr"}


@dataclasses.dataclass(frozen=True)
class OutputFile:
    """A file that is written, and the images that it is made from.

    Attributes:
        path: the file.
        entries: one image, or the pages of a stack.
        chosen: the user has named the kind of file.
    """

    path: pathlib.Path
    entries: tuple[ImageEntry, ...]
    chosen: bool

    @property
    def suffix(self) -> str:
        """The kind of file."""
        return self.path.suffix.lower()

    @property
    def input(self) -> pathlib.Path:
        """The file that is read."""
        return self.entries[0].path

    @property
    def note(self) -> str:
        """What else than its bytes the result of the input depends on."""
        if geo.is_available() or not is_georeferenced(self.input):
            return ""
        return "without its place"

    def fitting(
        self, layout: ImageLayout, taken: Collection[pathlib.Path]
    ) -> "OutputFile":
        """Returns the file that can hold an image: a TIFF where a PNG cannot.

        Args:
            layout: of the result.
            taken: the files that others are written to.

        Raises:
            ValueError: the user has named a kind of file that cannot, or the TIFF is
                another's.
        """
        if self.suffix != ".png" or png_holds(layout):
            return self
        if self.chosen:
            raise ValueError(
                f"{self.path}: a PNG is written up to {MOST_PIXELS // 10**6} "
                "megapixels of one channel of uint8 or uint16. Name a .tif or .zarr."
            )
        path = tiff_instead(self.path, self.input, taken)
        return dataclasses.replace(self, path=path)


def plan_files(
    entries: list[ImageEntry], out: str, image_format: str, png_fits: bool
) -> list[OutputFile]:
    """Names a file for each image or stack.

    Args:
        entries: the images.
        out: folder, or file for one input.
        image_format: "auto", "png", "tiff" or "zarr".
        png_fits: whether a PNG can hold the channels and the type.

    Raises:
        ValueError: two inputs would be written to one file, an input would be
            overwritten, or the kind of file does not fit.
    """

    def suffix_of(entry: ImageEntry) -> str:
        suffix = _SUFFIXES.get(image_format) or _auto_suffix(entry, png_fits)
        if suffix == ".zarr" and not entry.path.stem.lower().endswith(".ome"):
            suffix = ".ome.zarr"
        if suffix == ".png" and (entry.page is not None or not png_fits):
            raise ValueError(
                f"{entry.name}: format png holds one image of one channel of uint8 or "
                "uint16. Take tiff or zarr."
            )
        return suffix

    paths = output_paths(
        entries, out, suffix_of=suffix_of, file_suffixes=WRITTEN_SUFFIXES
    )
    explicit = paths[0].parent != pathlib.Path(out)
    files, pairs = [], zip(paths, entries, strict=True)
    for path, group in itertools.groupby(pairs, operator.itemgetter(0)):
        chosen = explicit or image_format != "auto"
        files.append(OutputFile(path, tuple(entry for _, entry in group), chosen))
        if files[-1].suffix == ".png" and not png_fits:
            raise ValueError(
                f"{path}: a PNG holds one channel of uint8 or uint16, and no pyramid. "
                "Name a .tif or .zarr, or a folder."
            )
        _check_kind(files[-1], image_format, explicit)
    return files


def _auto_suffix(entry: ImageEntry, png_fits: bool) -> str:
    if kind_of(entry.path) is Kind.ZARR:
        return ".zarr"
    return default_suffix(entry) if png_fits else ".tif"


def _check_kind(file: OutputFile, image_format: str, explicit: bool) -> None:
    suffix = ".tif" if file.suffix == ".tiff" else file.suffix
    if explicit and _SUFFIXES.get(image_format, suffix) != suffix:
        raise ValueError(
            f"{file.path}: its name says another kind of file than format "
            f"{image_format}. Leave format out, or rename it."
        )
