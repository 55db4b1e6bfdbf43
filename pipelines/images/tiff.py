"""TIFF files: how many images one holds, and each of them as an array."""

import math
import pathlib
import struct
from typing import Any

import numpy as np
import tifffile

# Series of these kinds are images of equal rank. In others the first is the image, and
# what follows are thumbnails, labels and smaller levels.
_EQUAL_SERIES = ("generic", "uniform", "shaped", "ome")


def count_images(path: pathlib.Path) -> int:
    """Returns the number of images in a file.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            return len(_places(tiff))
    # tifffile raises errors of many kinds on damaged files.
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be read as TIFF ({error}). Replace or remove the file."
        ) from error


def decode(path: pathlib.Path, index: int, *, palette_indices: bool) -> np.ndarray:
    """Reads image `index` of a file: (height, width, channels), samples or planes.

    Palettes become colours unless `palette_indices`. Those of ImageJ never do: they
    say how it shows grey values.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    with tifffile.TiffFile(path) as tiff:
        source, number = _places(tiff)[index]
        page = source
        if isinstance(source, tifffile.TiffPageSeries):
            page = source.keyframe
            if len(source.pages) == _num_images(source) and source.pages[number]:
                # One page is read, not the whole stack.
                source, number = source.pages[number], 0
        image = _channels_last(source.asarray(), source.axes)[number]
        if palette_indices or tiff.is_imagej or page.colormap is None:
            return image
        # 16 bits a colour in the file, of which 8 are known to be meant.
        return (
            (page.colormap[:, image[..., 0]] >> 8).astype(np.uint8).transpose(1, 2, 0)
        )


def _places(tiff: tifffile.TiffFile) -> list[tuple[Any, int]]:
    """Lists a (series or page, number within it) for each image.

    Raises:
        ValueError: the list of pages breaks off, or there is no image.
    """
    _check_last_page(tiff)
    kind = tiff.series[0].kind
    sources = tiff.series if kind in _EQUAL_SERIES else tiff.series[:1]
    if kind == "generic" and len(sources) > 1:
        # Series gather pages of one size; this is their order in the file.
        pages = [tiff.pages[number] for number in range(len(tiff.pages))]
        sources = [page for page in pages if not page.is_reduced]
    for source in sources:
        if not {"Y", "X"} <= set(source.axes):
            raise ValueError(f"its axes are {source.axes}, without height and width")
    return [(source, n) for source in sources for n in range(_num_images(source))]


def _check_last_page(tiff: tifffile.TiffFile) -> None:
    """Raises ValueError if the last page names a next one.

    tifffile reads a file that breaks off between two pages as a shorter stack.
    """
    file, form = tiff.filehandle, tiff.tiff
    file.seek(tiff.pages.next_page_offset)
    data = file.read(form.offsetsize)
    if len(data) < form.offsetsize or struct.unpack(form.offsetformat, data)[0] != 0:
        raise ValueError(f"it breaks off after page {len(tiff.pages) - 1}")


def _num_images(source: Any) -> int:
    """Returns how many images a series or page holds: all axes but rows, channels."""
    sizes = zip(source.axes, source.shape, strict=True)
    return math.prod(size for axis, size in sizes if axis not in "YXSC")


def _channels_last(stack: np.ndarray, axes: str) -> np.ndarray:
    """Returns (images, height, width, channels), be channels samples or planes."""
    stack_axes = [axis for axis in axes if axis not in "YXSC"]
    order = [*stack_axes, "Y", "X", *(axis for axis in axes if axis in "SC")]
    stack = np.transpose(stack, [axes.index(axis) for axis in order])
    height, width, *channels = stack.shape[len(stack_axes) :]
    return stack.reshape(-1, height, width, math.prod(channels))
