"""Which images a TIFF holds; a file is looked through once."""

import logging
import pathlib

import tifffile

from pipelines.images.bounded import BoundedCache
from pipelines.images.damage import reading
from pipelines.images.handles import SourceFile
from pipelines.images.tiff_chain import page_offsets
from pipelines.images.tiff_places import TiffPlace, find_places

# What tifffile finds is said in our sentence; without a handler it would go to the
# screen, too.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# Of files whose images are known; a stack of 10,000 pages takes 5 MB.
_KNOWN = BoundedCache(64 * 2**20)


def count_images(path: pathlib.Path) -> int:
    """Returns the number of images in a file.

    Raises:
        UnreadableImage: the file cannot be read.
    """
    with reading(str(path), path, "TIFF"):
        return len(places(SourceFile(path)))


def places(source: SourceFile) -> list[TiffPlace]:
    """Lists the images of a file.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    known = _KNOWN.get(source.key)
    if known is None:
        with source.opened() as descriptor:
            offsets = page_offsets(descriptor)
        with tifffile.TiffFile(source.path) as tiff:
            known = find_places(source, tiff, offsets)
        _KNOWN.put(source.key, known, 2_000 + 500 * len(known))
    return known
