"""Where the pixels of each image of a TIFF are."""

import dataclasses
import math
from typing import Any

import numpy as np

from pipelines.images.flat import FlatArray
from pipelines.images.handles import SourceFile
from pipelines.images.tiff_flat import flat_images
from pipelines.images.tiff_page import TiffPageReader
from pipelines.images.tiff_pixel_size import pixel_sizes
from pipelines.images.windowed import PixelSize

# Series of these kinds are images of equal rank. In others the first is the image, and
# what follows are thumbnails, labels and smaller levels.
_EQUAL_SERIES = ("generic", "uniform", "shaped", "ome")
_GEO_KEYS = 34735
_RGB = 2
# Extra samples of these kinds say how transparent the others are.
_ALPHA = (1, 2)


@dataclasses.dataclass(frozen=True)
class TiffPlace:
    """Where an image lies in a file: in pages, else flat, else known to tifffile.

    Attributes:
        shape: (height, width, channels), palettes as indices.
        dtype: of the pixels.
        pages: where the pages begin that hold the channels; -1 for one left out.
        flat: where the pixels lie, for an image that has no page of its own.
        series: (number of the series, of the image within it), for all others.
        colours: (indices, 3) uint8 of the palette, None without one.
        alpha: whether the last channel says how transparent the others are.
        segment_bytes: of one decoded tile or strip.
        segment_rows: of one tile or strip; 0 if unknown.
        pixel_size: None if unknown.
        georeferenced: whether it says where it lies on the Earth.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    pages: tuple[int, ...] = ()
    flat: FlatArray | None = None
    series: tuple[int, int] | None = None
    colours: np.ndarray | None = None
    alpha: bool = False
    segment_bytes: int = 0
    segment_rows: int = 0
    pixel_size: PixelSize | None = None
    georeferenced: bool = False


def find_places(source: SourceFile, tiff: Any, offsets: list[int]) -> list[TiffPlace]:
    """Lists the images of an open file, whose pages begin at `offsets`.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    all_series = tiff.series
    if not all_series:
        raise ValueError("it holds no image")
    kind = all_series[0].kind
    if kind == "generic" and len(all_series) > 1:
        # Series gather pages of one size; this is their order in the file.
        pages = [tiff.pages.get(number) for number in range(len(offsets))]
        return [_of_page(source, tiff, page) for page in pages if not page.is_reduced]
    chosen = all_series if kind in _EQUAL_SERIES else all_series[:1]
    sizes = pixel_sizes(tiff, len(chosen))
    found = []
    for number, (series, size) in enumerate(zip(chosen, sizes, strict=True)):
        found += _of_series(source, series, number, offsets, size)
    return found


def _of_page(source: SourceFile, tiff: Any, page: Any) -> TiffPlace:
    _check_axes(page.axes)
    reader = TiffPageReader(source, page)
    place = TiffPlace(
        shape=reader.shape,
        dtype=reader.dtype,
        pages=(page.offset,),
        segment_bytes=reader.segment_bytes,
        segment_rows=reader.segment_rows,
    )
    return _described(place, page)


def _of_series(
    source: SourceFile,
    series: Any,
    number: int,
    offsets: list[int],
    pixel_size: PixelSize | None,
) -> list[TiffPlace]:
    """Lists the images of a series: one for each index of its axes but Y, X, S, C."""
    _check_axes(series.axes)
    sizes = list(zip(series.axes, series.shape, strict=True))
    height, width = dict(sizes)["Y"], dict(sizes)["X"]
    channels = math.prod(size for axis, size in sizes if axis in "SC")
    count = math.prod(size for axis, size in sizes if axis not in "YXSC")
    place = TiffPlace(
        shape=(height, width, channels),
        dtype=np.dtype(series.dtype),
        pixel_size=pixel_size,
    )
    place = _described(place, series.keyframe)
    pages = _pages(series, offsets)
    if pages is not None:
        reader = TiffPageReader(source, series.keyframe)
        place = dataclasses.replace(
            place,
            segment_bytes=reader.segment_bytes,
            segment_rows=reader.segment_rows,
        )
        return [dataclasses.replace(place, pages=tuple(row)) for row in pages]
    flats = flat_images(series, source.state.size)
    if flats is not None:
        return [dataclasses.replace(place, flat=flat) for flat in flats]
    # Spread over several files, or of parts in some other order.
    return [dataclasses.replace(place, series=(number, n)) for n in range(count)]


def _described(place: TiffPlace, page: Any) -> TiffPlace:
    """Adds what the tags of a page say of its channels."""
    if page.dtype is None:
        raise ValueError(f"its numbers of {page.bitspersample} bits are not known")
    colours = None
    # ImageJ's palettes say how it shows grey values.
    if page.colormap is not None and not page.parent.is_imagej:
        # 16 bits a colour in the file, of which 8 are known to be meant.
        colours = (page.colormap >> 8).astype(np.uint8).T
    samples, extra = page.samplesperpixel, tuple(page.extrasamples or ())
    alpha = samples in (2, 4) and (
        extra[-1:] in [(kind,) for kind in _ALPHA]
        or (page.photometric == _RGB and samples == 4)
    )
    return dataclasses.replace(
        place,
        colours=colours,
        alpha=alpha and place.shape[2] == samples,
        georeferenced=_GEO_KEYS in page.tags,
    )


def _pages(series: Any, offsets: list[int]) -> list[list[int]] | None:
    """Returns where the pages of each image begin, one for each channel.

    None if the images are not made of whole pages.
    """
    leading = _num_leading(series)
    if leading is None or series.is_multifile or series.transform is not None:
        return None
    count = len(series)
    if 1 < count == len(offsets) and series.keyframe.index == 0:
        found: list[int | None] = list(offsets)
    else:
        pages = [series[number] for number in range(count)]
        found = [-1 if page is None else page.offset for page in pages]
    # tifffile calculates where pages are that it has not looked for.
    if None in found:
        return None
    sizes = list(zip(series.axes, series.shape, strict=True))[:leading]
    channel_axes = [number for number, (axis, _) in enumerate(sizes) if axis in "SC"]
    stack_axes = [number for number in range(leading) if number not in channel_axes]
    grid = np.array(found, np.int64).reshape(series.shape[:leading])
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


def _check_axes(axes: str) -> None:
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"its axes are {axes}, without height and width")
