"""Which images a TIFF holds; a file is looked through once."""

import logging
import pathlib

import tifffile

from pipelines.images.bounded import BoundedCache
from pipelines.images.damage import UnreadableImage, reading
from pipelines.images.handles import SourceFile
from pipelines.images.kinds import Kind, kind_of
from pipelines.images.tiff.chain import page_offsets
from pipelines.images.tiff.place import TiffPlace
from pipelines.images.tiff.places import find_places

# What tifffile finds is said in our sentence; without a handler it would go to the
# screen, too.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# Six numbers that place an image, in a file beside it.
_WORLD_FILES = (".tfw", ".tifw", ".tiffw", ".wld")
# Of files whose images are known; a stack of 10,000 pages takes 5 MB.
_KNOWN = BoundedCache(64 * 2**20)


def count_images(path: pathlib.Path) -> int:
    """Returns the number of images in a file.

    Raises:
        UnreadableImage: the file cannot be read.
    """
    with reading(str(path), path, "TIFF"):
        return len(places(SourceFile(path)))


def other_files(path: pathlib.Path) -> list[pathlib.Path]:
    """Lists the other files that hold channels of a TIFF's images, as of OME-TIFF.

    None of a file that is no TIFF, or cannot be read.
    """
    files = {file for place in _places_if_any(path) for file in place.files}
    return sorted(files - {path})


def is_georeferenced(path: pathlib.Path) -> bool:
    """Tells whether a TIFF, or a world file beside it, places it on the Earth.

    Not so for a file that is no TIFF, or cannot be read.
    """
    found = _places_if_any(path)
    beside = any(path.with_suffix(suffix).exists() for suffix in _WORLD_FILES)
    return bool(found) and (found[0].georeferenced or beside)


def _places_if_any(path: pathlib.Path) -> list[TiffPlace]:
    if kind_of(path) is not Kind.TIFF:
        return []
    try:
        with reading(str(path), path, "TIFF"):
            return places(SourceFile(path))
    except UnreadableImage:
        return []


def places(source: SourceFile) -> list[TiffPlace]:
    """Lists the images of a file.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    known = _KNOWN.get(source.key)
    if known is None:
        source.check_unchanged()
        with open(source.path, "rb") as file:
            offsets = page_offsets(file.fileno())
            with tifffile.TiffFile(file) as tiff:
                known = find_places(source, tiff, offsets)
        num_bytes = sum(800 if place.origin.planes else 500 for place in known)
        _KNOWN.put(source.key, known, 2_000 + num_bytes)
    return known
