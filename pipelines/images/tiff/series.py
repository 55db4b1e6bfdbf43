"""How the images of a series of pages, as tifffile finds it, are made of pages."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

# Kinds of series whose pages are those of the file, one after the other. Others, such
# as OME-TIFF, may say of each page which plane it is.
_IN_FILE_ORDER = ("generic", "uniform", "shaped", "imagej", "ndtiff")
_FILE_OF_UUID = re.compile(r"<(?:\w+:)?UUID[^>]*\bFileName=\"([^\"]*)\"")


def image_pages(series: Any, offsets: list[int]) -> list[list[int]] | None:
    """Returns where the pages of each image begin, one for each channel.

    None if the images are not made of whole pages.
    """
    leading = _num_leading(series)
    if leading is None or series.is_multifile or series.transform is not None:
        return None
    count = len(series)
    if series.kind in _IN_FILE_ORDER and 1 < count == len(offsets):
        found: list[int | None] = list(offsets)
    else:
        pages = [series[number] for number in range(count)]
        found = [-1 if page is None else page.offset for page in pages]
    # Pages that tifffile has not looked for begin at 0.
    if 0 in found:
        return None
    return _rows(series, leading, found)


def is_of_several_files(tiff: Any, series: Any) -> bool:
    """Tells whether the images of a series of OME-TIFF lie in several files."""
    names = _FILE_OF_UUID.findall(tiff.ome_metadata or "")
    others = any(name != tiff.filehandle.name for name in names)
    return bool(series.is_multifile or others)


def own_images(series: Any, tiff: Any) -> list[tuple[int, list[Any]]]:
    """Returns those images of a series that begin in one of its files.

    The others are found in their own files: of a folder each would come several times.

    Args:
        series: of several files.
        tiff: the file.

    Returns:
        The number in the series of each image, and its pages, one for each channel;
        some may be in other files.

    Raises:
        ValueError: the images are not made of whole pages, or a channel is missing.
    """
    leading = _num_leading(series)
    if leading is None:
        raise ValueError("its images are spread over several files")
    pages = [series[number] for number in range(len(series))]
    found = []
    for number, row in enumerate(_rows(series, leading, range(len(series)))):
        channels = [pages[place] for place in row]
        parents = [None if page is None else page.parent for page in channels]
        if parents[0] is not tiff:
            continue
        if None in parents and series.kind != "ome":
            # Of a recording that was stopped: the image was never whole.
            continue
        if None in parents:
            raise ValueError(
                "some channels of an image are in other files, which are not there"
            )
        found.append((number, channels))
    return found


def _rows(series: Any, leading: int, of_pages: Sequence[int | None]) -> list[list[int]]:
    """Sorts what is known of each page of a series into rows, one for each image."""
    sizes = list(zip(series.axes, series.shape, strict=True))[:leading]
    channel_axes = [number for number, (axis, _) in enumerate(sizes) if axis in "SC"]
    stack_axes = [number for number in range(leading) if number not in channel_axes]
    grid = np.array(of_pages, np.int64).reshape(series.shape[:leading])
    num_channels = math.prod(sizes[number][1] for number in channel_axes)
    rows = grid.transpose([*stack_axes, *channel_axes]).reshape(-1, num_channels)
    return rows.tolist()


def _num_leading(series: Any) -> int | None:
    """Returns how many of the axes number the pages; None if they do not."""
    if series.is_truncated:
        return None
    values = math.prod(series.keyframe.shape)
    for leading in range(len(series.shape) - 1, -1, -1):
        inner = dict(zip(series.axes[leading:], series.shape[leading:], strict=True))
        images_inside = [n for axis, n in inner.items() if axis not in "YXSC" and n > 1]
        if (
            {"Y", "X"} <= set(inner)
            and math.prod(inner.values()) == values
            and math.prod(series.shape[:leading]) == len(series)
            and not images_inside
        ):
            return leading
    return None
