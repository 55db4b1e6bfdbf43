"""Compressed TIFF and BigTIFF files from windows, strip by strip or tile by tile."""

import collections
import contextlib
import errno
import itertools
import os
import pathlib
import struct
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import imagecodecs
import numpy as np
import tifffile

from pipelines.images.length_units import factor
from pipelines.images.windowed import PixelSize, as_known_length
from pipelines.results.layout import (
    TILE_SIDE,
    ImageLayout,
    ImageToWrite,
    halve,
    row_bands,
)

# Offsets of a classic TIFF have 32 bits; compression may fail to make it smaller.
MOST_CLASSIC_BYTES = 2**31
# Of a side of an image in strips: ImageJ opens no tiles, and viewers of larger images
# want them.
MOST_STRIPS_SIDE = 4096
# Of a strip before compression.
_STRIP_BYTES = 2**18


def write_tiff(
    path: pathlib.Path,
    images: Iterable[ImageToWrite],
    *,
    num_images: int = 1,
    num_bytes: int | None = None,
    pyramid: bool = False,
    ome: bool = False,
) -> None:
    """Writes images as the pages of one TIFF, compressed by Deflate.

    Images of up to MOST_STRIPS_SIDE pixels a side are in strips, larger ones and
    pyramids in tiles. A file of pixels of known size or origin, of a stack with named
    axes, or with a pyramid is an OME-TIFF in any case. Never more than two rows of
    tiles are in memory.

    Args:
        path: the file.
        images: one after the other; each is read to its end before the next.
        num_images: how many there are, or more.
        num_bytes: of the pixels of all images, which tells whether a BigTIFF is needed;
            by default as if all were like the first.
        pyramid: adds smaller levels as SubIFDs, as OME-TIFF has them.
        ome: writes an OME-TIFF also where there is nothing to say.

    Raises:
        OSError: the file cannot be written.
    """
    writer: tifffile.TiffWriter | None = None
    images = iter(images)
    with _told_if_too_large(), contextlib.ExitStack() as opened:
        for image in images:
            layout = image.layout
            if writer is None:
                total = num_bytes or num_images * layout.num_bytes
                # Viewers find the levels of a pyramid by OME.
                is_ome = ome or pyramid or bool(layout.stack) or len(_ome(layout)) > 1
                big = total > MOST_CLASSIC_BYTES
                writer = tifffile.TiffWriter(path, bigtiff=big, ome=is_ome)
                opened.enter_context(writer)
            others = itertools.islice(images, layout.num_planes - 1)
            planes = itertools.chain([image], others)
            _write_series(writer, planes, layout, path.parent, pyramid, is_ome)


@contextlib.contextmanager
def _told_if_too_large() -> Iterator[None]:
    """Says of offsets beyond 32 bits what the system says of a large file."""
    try:
        yield
    except struct.error as error:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error


def _write_series(
    writer: tifffile.TiffWriter,
    planes: Iterable[ImageToWrite],
    layout: ImageLayout,
    folder: pathlib.Path,
    pyramid: bool,
    is_ome: bool,
) -> None:
    """Writes an image, or all of a stack, which have one layout."""
    first = _settings(layout) | {"metadata": _ome(layout) if is_ome else None}
    if in_strips(layout, pyramid):
        rows = strip_rows(layout)
        strips = map(_encoded, _bands(planes, rows))
        writer.write(strips, rowsperstrip=rows, **first)
        _read_to_the_end(strips)
        return
    levels = layout.levels() if pyramid else [layout]
    bands = _bands(planes, TILE_SIDE)
    with contextlib.ExitStack() as files:
        for number, level in enumerate(levels):
            # Without a name: nothing is left of it, however the process ends.
            smaller = None
            if number + 1 < len(levels):
                smaller = files.enter_context(tempfile.TemporaryFile(dir=folder))
            about = _settings(level) | {"subfiletype": 1, "metadata": None}
            if number == 0:
                about = first | {"subifds": len(levels) - 1}
            tiles = _tiles(bands, level, smaller)
            writer.write(tiles, tile=tile_shape(level), **about)
            _read_to_the_end(tiles)
            if smaller is not None:
                bands = _bands_of_file(smaller, levels[number + 1])


def _bands(planes: Iterable[ImageToWrite], rows: int) -> Iterator[np.ndarray]:
    for plane in planes:
        yield from row_bands(plane, rows)


def _read_to_the_end(segments: Iterator[Any]) -> None:
    """Takes what tifffile leaves: whoever yields learns that the last one was taken."""
    collections.deque(segments, maxlen=0)


def _settings(level: ImageLayout) -> dict[str, Any]:
    several = level.channels > 1
    is_rgb = level.channels == 3 and level.dtype == np.uint8
    return {
        "shape": (
            *(axis.count for axis in level.stack),
            *(level.height, level.width),
            *([level.channels] if several else []),
        ),
        "dtype": level.dtype,
        "photometric": "rgb" if is_rgb else "minisblack",
        "planarconfig": "contig" if several else None,
        "compression": "zlib",
        # Pages stay pages of their own; one tile at a time is compressed.
        "contiguous": False,
        "maxworkers": 1,
        **_resolution(level.pixel_size),
    }


def _resolution(size: PixelSize | None) -> dict[str, Any]:
    """Returns the tags that tell a size to readers which know no OME."""
    to_centimetres = None if size is None else factor(size.unit, "cm")
    if size is None or to_centimetres is None:
        return {}
    sides = size.width * to_centimetres, size.height * to_centimetres
    # Within a fraction of two uint32.
    if not all(1e-9 < side < 1e9 for side in sides):
        return {}
    return {
        "resolution": tuple(1 / side for side in sides),
        "resolutionunit": "CENTIMETER",
    }


def in_strips(layout: ImageLayout, pyramid: bool) -> bool:
    """Tells whether an image is written in strips, not in tiles."""
    return not pyramid and max(layout.height, layout.width) <= MOST_STRIPS_SIDE


def strip_rows(layout: ImageLayout) -> int:
    """Returns the rows of a strip, at least one."""
    return min(layout.height, max(1, _STRIP_BYTES // layout.row_bytes))


def _encoded(strip: np.ndarray) -> bytes:
    return bytes(imagecodecs.zlib_encode(strip.tobytes()))


def tile_shape(layout: ImageLayout) -> tuple[int, int]:
    """Returns height and width of tiles: multiples of 16, as TIFF demands."""
    height, width = (
        min(TILE_SIDE, -(-size // 16) * 16) for size in (layout.height, layout.width)
    )
    return height, width


def _ome(layout: ImageLayout) -> dict[str, Any]:
    """Returns what OME says of an image, the axes always."""
    stack = "".join(axis.name.upper() for axis in layout.stack)
    about: dict[str, Any] = {
        "axes": f"{stack}YX{'S' if layout.channels > 1 else ''}",
    }
    # OME would take a size without a unit for microns, and has no other texts.
    size = as_known_length(layout.pixel_size)
    if size is not None:
        for side, length in (("X", size.width), ("Y", size.height)):
            about[f"PhysicalSize{side}"] = length
            about[f"PhysicalSize{side}Unit"] = size.unit
    for axis in layout.stack:
        if axis.step is not None and axis.unit:
            name = "PhysicalSizeZ" if axis.name == "z" else "TimeIncrement"
            about[name], about[f"{name}Unit"] = axis.step, axis.unit
    origin = layout.origin
    texts = {"Name": origin.name, "Description": origin.description}
    texts["AcquisitionDate"] = origin.date
    about |= {name: text for name, text in texts.items() if text}
    if origin.planes:
        about["Plane"] = [plane.attributes() for plane in origin.planes]
    return about


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
    """Reads rows of raw pixels, plane by plane."""
    file.seek(0)
    tops = range(0, level.height, TILE_SIDE)
    for _, top in itertools.product(range(level.num_planes), tops):
        count = min(TILE_SIDE, level.height - top)
        data = np.frombuffer(file.read(count * level.row_bytes), level.dtype)
        yield data.reshape(count, level.width, level.channels)
