"""Arrays as image files. A file appears under its name only when it is whole."""

import pathlib
import tempfile
import unicodedata
from collections.abc import Callable, Collection

import imagecodecs
import numpy as np

from pipelines.files.appearing import appearing
from pipelines.images.finding import ImageEntry
from pipelines.images.kinds import SUFFIXES, TIFF_SUFFIXES, Kind, kind_of, stem_of
from pipelines.results.layout import ImageLayout, ImageToWrite
from pipelines.results.tiff_writing import write_tiff


def write_bytes_atomically(path: pathlib.Path | str, data: bytes) -> None:
    """Writes a file under a temporary name beside it, then renames it.

    The name does not outlive a loss of power that its content does not.
    """
    with appearing(pathlib.Path(path)) as partial:
        partial.write_bytes(data)


def check_writable(folder: pathlib.Path) -> None:
    """Makes a folder, and a file in it that is gone at once.

    Raises:
        ValueError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{folder}: cannot be written to ({error.strerror}). Name a folder in "
            "which you may write."
        ) from error


def check_replaceable(
    path: pathlib.Path, inputs: Collection[pathlib.Path] = ()
) -> None:
    """Checks before the work that a file can be written at its end.

    Args:
        path: the file.
        inputs: what is read.

    Raises:
        ValueError: it is a folder or an input, or lies in an input or in a folder that
            cannot be made or written to.
    """
    if path.exists():
        same = {identity(one) for one in (path, *path.resolve().parents)}
        if same & {identity(source) for source in inputs}:
            raise ValueError(
                f"{path} is an input; writing there would destroy it. Name another "
                "file."
            )
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file.")
    check_writable(path.parent)


def encode_png(image: np.ndarray) -> bytes:
    """Encodes (height, width) or (height, width, channels) uint8 or uint16 as PNG.

    Raises:
        ValueError: PNG cannot hold the array.
    """
    few_channels = image.ndim == 2 or (image.ndim == 3 and image.shape[2] <= 4)
    if image.dtype not in (np.uint8, np.uint16) or not few_channels:
        raise ValueError(
            "A PNG holds uint8 or uint16 of 1 to 4 channels, got "
            f"{image.dtype} of shape {image.shape}. Write a TIFF instead."
        )
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(image)))


def write_image(path: pathlib.Path | str, image: np.ndarray) -> None:
    """Writes one image as PNG or TIFF, by the suffix of `path`.

    Args:
        path: the file; its folder is made if it is missing.
        image: (height, width) or (height, width, channels); bool is 0 and 1 of uint8
            in a TIFF.

    Raises:
        ValueError: another suffix, or PNG cannot hold the array.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix == ".png":
        write_bytes_atomically(path, encode_png(image))
    elif suffix in TIFF_SUFFIXES:
        # TIFF has bool as bits, which strips would have to be packed into.
        pixels = np.atleast_3d(image.view(np.uint8) if image.dtype == bool else image)
        height, width, channels = pixels.shape
        dtype = pixels.dtype.newbyteorder("=")
        layout = ImageLayout(height, width, channels, dtype)
        with appearing(pathlib.Path(path)) as partial:
            write_tiff(partial, [ImageToWrite(layout, [(0, 0, pixels)])])
    else:
        raise ValueError(f"{path}: expected a name that ends in .png, .tif or .tiff.")


def default_suffix(entry: ImageEntry) -> str:
    """Returns ".tif" or ".png".

    ".tif" for TIFF input, for pages of a stack, and for microscope files, whose size of
    a pixel a PNG cannot hold.
    """
    is_tiff = kind_of(entry.path) in (Kind.TIFF, Kind.OTHER)
    return ".tif" if is_tiff or entry.page is not None else ".png"


def output_paths(
    entries: list[ImageEntry],
    out: str,
    *,
    suffix_of: Callable[[ImageEntry], str] = default_suffix,
    file_suffixes: tuple[str, ...] = (".png", *TIFF_SUFFIXES),
) -> list[pathlib.Path]:
    """Names an output file for each image: STEM and the suffix that fits the input.

    Args:
        entries: the images; pages of one stack share one output file.
        out: a folder, which is made, or a file name for a single input file.
        suffix_of: what comes after the stem.
        file_suffixes: by which `out` is known as a file.

    Returns:
        A path for each entry.

    Raises:
        ValueError: two inputs would be written to one file, or an input would be
            overwritten.
    """
    firsts = {entry.path: entry for entry in reversed(entries)}
    target = pathlib.Path(out)
    # A Zarr store is a folder, and replaced like a file.
    is_file = not target.is_dir() or target.suffix.lower() == ".zarr"
    if target.suffix.lower() in SUFFIXES and target.suffix.lower() not in file_suffixes:
        raise ValueError(
            f"{out}: masks are not written as {target.suffix}; name one of "
            f"{', '.join(file_suffixes)}, or a folder."
        )
    if target.suffix.lower() in file_suffixes and is_file:
        if len(firsts) > 1:
            raise ValueError(
                f"{out} is one file, but {len(firsts)} images are named. Give a folder."
            )
        if any(e.page is not None for e in entries) and target.suffix.lower() == ".png":
            raise ValueError(f"{out}: a PNG holds one image; name a .tif for a stack.")
        paths = dict.fromkeys(firsts, target)
    else:
        paths = {
            path: target / f"{stem_of(path)}{suffix_of(entry)}"
            for path, entry in firsts.items()
        }
    _check_distinct(paths)
    return [paths[entry.path] for entry in entries]


def tiff_instead(
    path: pathlib.Path, source: pathlib.Path, taken: Collection[pathlib.Path]
) -> pathlib.Path:
    """Returns the TIFF that is written where a PNG cannot hold a result.

    Args:
        path: of the PNG.
        source: that it is made from.
        taken: what other images are written to.

    Raises:
        ValueError: the TIFF is that of another image.
    """
    target = path.with_suffix(".tif")
    if target in taken:
        raise ValueError(
            f"{source}: its result is too large for a PNG, and {target} is that of "
            "another image. Write them into two folders."
        )
    return target


def identity(path: pathlib.Path) -> tuple[int, int] | None:
    """Returns what two names of one file have in common; None if there is no file.

    Some systems take A.PNG and a.png for one, and a file may have more names.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check_distinct(paths: dict[pathlib.Path, pathlib.Path]) -> None:
    sources: dict[str, tuple[pathlib.Path, pathlib.Path]] = {}
    inputs = {identity(path) for path in paths} - {None}
    resolved_inputs = {path.resolve() for path in paths}
    # A Zarr is a folder, and may hold images.
    folders = {folder for path in resolved_inputs for folder in path.parents}
    for source, target in sorted(paths.items()):
        # On some systems names that differ in case only are one file.
        same = unicodedata.normalize("NFC", str(target)).casefold()
        if same in sources:
            other, taken = sources[same]
            alike = "" if taken == target else f", which some systems take for {taken}"
            raise ValueError(
                f"{other} and {source} would both be written to {target}{alike}. "
                "Write them into two folders."
            )
        if target.resolve() in resolved_inputs or identity(target) in inputs:
            raise ValueError(
                f"{target} is an input; writing there would destroy it. Name another "
                "folder."
            )
        if target.resolve() in folders:
            raise ValueError(
                f"{target} holds an input; writing there would destroy it. Name "
                "another folder."
            )
        sources[same] = source, target
