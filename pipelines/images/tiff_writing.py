"""Tiled, compressed TIFF and BigTIFF files from windows, tile by tile."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
import tifffile

from pipelines.images.layout import (
    TILE_SIDE,
    ImageLayout,
    ImageToWrite,
    halve,
    row_bands,
)
from pipelines.images.windowed import as_length

# Offsets of a classic TIFF have 32 bits; compression may fail to make it smaller.
MOST_CLASSIC_BYTES = 2**31


def write_tiff(
    path: pathlib.Path,
    images: Iterable[ImageToWrite],
    *,
    num_images: int = 1,
    pyramid: bool = False,
) -> None:
    """Writes images as the pages of one TIFF with tiles, compressed by Deflate.

    A file of pixels of known size is an OME-TIFF, whatever its name. Never more than
    two rows of tiles are in memory.

    Args:
        path: the file.
        images: one after the other; each is read to its end before the next.
        num_images: how many there are, or more; with the size of the first it tells
            whether a BigTIFF is needed.
        pyramid: adds smaller levels as SubIFDs, as OME-TIFF has them.

    Raises:
        OSError: the file cannot be written.
    """
    writer: tifffile.TiffWriter | None = None
    try:
        for image in images:
            writer = writer or _writer(path, image.layout, num_images)
            _write_page(writer, image, path.parent, pyramid)
    finally:
        if writer is not None:
            writer.close()


def _writer(
    path: pathlib.Path, first: ImageLayout, num_images: int
) -> tifffile.TiffWriter:
    return tifffile.TiffWriter(
        path,
        bigtiff=num_images * first.num_bytes > MOST_CLASSIC_BYTES,
        ome=as_length(first.pixel_size) is not None,
    )


def _write_page(
    writer: tifffile.TiffWriter,
    image: ImageToWrite,
    folder: pathlib.Path,
    pyramid: bool,
) -> None:
    levels = image.layout.levels() if pyramid else [image.layout]
    bands = row_bands(image, TILE_SIDE)
    with contextlib.ExitStack() as files:
        for number, level in enumerate(levels):
            # Without a name: nothing is left of it, however the process ends.
            smaller = None
            if number + 1 < len(levels):
                smaller = files.enter_context(tempfile.TemporaryFile(dir=folder))
            tiles = _tiles(bands, level, smaller)
            writer.write(tiles, **_settings(level, number, len(levels)))
            if smaller is not None:
                bands = _bands_of_file(smaller, levels[number + 1])


def _settings(level: ImageLayout, number: int, num_levels: int) -> dict[str, Any]:
    several = level.channels > 1
    metadata = _ome(level) if number == 0 else None
    return {
        "shape": (level.height, level.width, *([level.channels] if several else [])),
        "dtype": level.dtype,
        "tile": tile_shape(level),
        "photometric": "minisblack",
        "planarconfig": "contig" if several else None,
        "compression": "zlib",
        "subifds": num_levels - 1 if number == 0 else None,
        "subfiletype": 1 if number else 0,
        "metadata": metadata,
        # Pages stay pages of their own; one tile at a time is compressed.
        "contiguous": False,
        "maxworkers": 1,
    }


def tile_shape(layout: ImageLayout) -> tuple[int, int]:
    """Returns height and width of tiles: multiples of 16, as TIFF demands."""
    height, width = (
        min(TILE_SIDE, -(-size // 16) * 16) for size in (layout.height, layout.width)
    )
    return height, width


def _ome(layout: ImageLayout) -> dict[str, Any] | None:
    # OME would take a size without a unit for microns.
    size = as_length(layout.pixel_size)
    if size is None:
        return None
    return {
        "axes": "YXS" if layout.channels > 1 else "YX",
        "PhysicalSizeX": size.width,
        "PhysicalSizeXUnit": size.unit,
        "PhysicalSizeY": size.height,
        "PhysicalSizeYUnit": size.unit,
    }


def _tiles(
    bands: Iterator[np.ndarray], level: ImageLayout, smaller: IO[bytes] | None
) -> Iterator[np.ndarray]:
    """Cuts bands into tiles, and writes the next level's rows to a file."""
    tile_height, tile_width = tile_shape(level)
    for band in bands:
        if smaller is not None:
            half = halve(band, level.averaged)
            smaller.write(np.ascontiguousarray(half).tobytes())
        for top in range(0, len(band), tile_height):
            for left in range(0, level.width, tile_width):
                tile = band[top : top + tile_height, left : left + tile_width]
                yield tile if level.channels > 1 else tile[..., 0]


def _bands_of_file(file: IO[bytes], level: ImageLayout) -> Iterator[np.ndarray]:
    """Reads rows of raw pixels."""
    file.seek(0)
    for top in range(0, level.height, TILE_SIDE):
        count = min(TILE_SIDE, level.height - top)
        data = np.frombuffer(file.read(count * level.row_bytes), level.dtype)
        yield data.reshape(count, level.width, level.channels)
