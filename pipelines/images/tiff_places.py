"""Where the pixels of each image of a TIFF are."""

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from pipelines.images.flat import FlatArray
from pipelines.images.handles import SourceFile
from pipelines.images.orientation import AS_STORED, of_tag
from pipelines.images.stack_axes import StackAxis
from pipelines.images.tiff_flat import check_whole, flat_images
from pipelines.images.tiff_page import TiffPageReader
from pipelines.images.tiff_pixel_size import pixel_sizes
from pipelines.images.tiff_series import (
    image_pages,
    is_of_several_files,
    own_images,
)
from pipelines.images.tiff_stack_axes import stack_axes
from pipelines.images.windowed import PixelSize

# Series of these kinds are images of equal rank. In others the first is the image, and
# what follows are thumbnails, labels and smaller levels.
_EQUAL_SERIES = ("generic", "uniform", "shaped", "ome")
_PLAIN_KINDS = ("generic", "uniform", "shaped")
# Tags that place an image on the Earth: GeoKeys, the size of a pixel, a transform.
_GEO_TAGS, _NODATA = (34735, 33550, 34264), 42113
_WHITE_IS_ZERO, _RGB, _YCBCR = 0, 2, 6
# Colours that are neither grey nor RGB, and are not turned into them.
_OTHER_COLOURS = {5: "CMYK", 8: "Lab", 9: "Lab", 10: "Lab"}
# No compression, and those that keep values as they are: of YCbCr only JPEG's decoder
# makes RGB.
_AS_THEY_ARE = (1, 5, 8, 32773, 32946, 34925, 50000)
# Bit of the tag NewSubfileType.
_TRANSPARENCY_MASK = 4
# Extra samples of these kinds say how transparent the others are.
_ALPHA = (1, 2)


@dataclasses.dataclass(frozen=True)
class TiffPlace:
    """Where an image lies in a file: in pages, else flat, else known to tifffile.

    Attributes:
        shape: (height, width, channels), palettes as indices.
        dtype: of the pixels.
        pages: where the pages begin that hold the channels; -1 for one left out.
        files: that each of the pages is in; empty if all are in the image's own.
        flat: where the pixels lie, for an image that has no page of its own.
        series: (number of the series, of the image within it), for all others.
        colours: (indices, 3) uint8 of the palette, None without one.
        alpha: whether the last channel says how transparent the others are.
        inverted: bits that are 0 where the image is white.
        segment_bytes: of one decoded tile or strip.
        segment_rows: of one tile or strip; 0 if unknown.
        pixel_size: None if unknown.
        georeferenced: whether it says where it lies on the Earth.
        unsure: its page may be of another size: of many alike not all were looked at.
        nodata: what it writes where nothing is known.
        stack: axes that number the images of the file.
        orientation: how it is to be shown.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    pages: tuple[int, ...] = ()
    files: tuple[pathlib.Path, ...] = ()
    flat: FlatArray | None = None
    series: tuple[int, int] | None = None
    colours: np.ndarray | None = None
    alpha: bool = False
    inverted: bool = False
    segment_bytes: int = 0
    segment_rows: int = 0
    pixel_size: PixelSize | None = None
    georeferenced: bool = False
    unsure: bool = False
    nodata: float | None = None
    stack: tuple[StackAxis, ...] = ()
    orientation: int = AS_STORED

    def in_segments_of(self, page: TiffPageReader) -> "TiffPlace":
        """Returns the same, in tiles or strips of a page."""
        return dataclasses.replace(
            self, segment_bytes=page.segment_bytes, segment_rows=page.segment_rows
        )


def find_places(source: SourceFile, tiff: Any, offsets: list[int]) -> list[TiffPlace]:
    """Lists the images of an open file, whose pages begin at `offsets`.

    The list is empty for one of a set of files whose channels belong to the images of
    another.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
    try:
        all_series = tiff.series
    # Pages that only seemed to be alike.
    except RuntimeError:
        if tiff.is_ome or tiff.is_imagej:
            raise
        return _of_pages(source, tiff, len(offsets))
    if not all_series:
        raise ValueError("it holds no image")
    kind = all_series[0].kind
    if tiff.is_imagej and kind in _PLAIN_KINDS and len(offsets) == 1:
        check_whole(tiff, source.state.size)
    # Series gather pages of one size; this is their order in the file. Palettes may
    # differ from page to page.
    unlike = kind == "generic" and len(all_series) > 1
    palettes = kind in _PLAIN_KINDS and all_series[0].keyframe.colormap is not None
    if unlike or (palettes and len(offsets) > 1 and not tiff.is_imagej):
        return _of_pages(source, tiff, len(offsets))
    chosen = all_series if kind in _EQUAL_SERIES else all_series[:1]
    sizes = pixel_sizes(tiff, len(chosen))
    found = []
    for number, (series, size) in enumerate(zip(chosen, sizes, strict=True)):
        several = kind == "ome" and is_of_several_files(tiff, series)
        if several or (kind == "mmstack" and series.is_multifile):
            found += _of_one_file(source, tiff, series, size)
        else:
            found += _of_series(source, series, number, offsets, size)
    if len(chosen) == 1 and not chosen[0].is_multifile:
        stack = stack_axes(tiff, chosen[0])
        if stack and math.prod(axis.count for axis in stack) == len(found):
            return [dataclasses.replace(place, stack=stack) for place in found]
    return found


def _of_pages(source: SourceFile, tiff: Any, count: int) -> list[TiffPlace]:
    pages = [tiff.pages.get(number) for number in range(count)]
    return [_of_page(source, tiff, page) for page in pages if _is_image(page)]


def _is_image(page: Any) -> bool:
    """Tells a page from smaller levels, and from masks of what is not transparent."""
    return not page.is_reduced and not page.subfiletype & _TRANSPARENCY_MASK


def _of_page(source: SourceFile, tiff: Any, page: Any) -> TiffPlace:
    _check_axes(page.axes)
    reader = TiffPageReader(source, page)
    place = TiffPlace(shape=reader.shape, dtype=reader.dtype, pages=(page.offset,))
    return _described(place.in_segments_of(reader), page)


def _of_series(
    source: SourceFile,
    series: Any,
    number: int,
    offsets: list[int],
    pixel_size: PixelSize | None,
) -> list[TiffPlace]:
    """Lists the images of a series: one for each index of its axes but Y, X, S, C."""
    place = _common(series, pixel_size)
    pages = image_pages(series, offsets)
    if pages is not None:
        place = place.in_segments_of(TiffPageReader(source, series.keyframe))
        unsure = series.kind == "uniform"
        return [
            dataclasses.replace(place, pages=tuple(row), unsure=unsure) for row in pages
        ]
    flats = flat_images(series, source.state.size)
    if flats is not None:
        return [dataclasses.replace(place, flat=flat) for flat in flats]
    # Of parts in some other order.
    sizes = zip(series.axes, series.shape, strict=True)
    count = math.prod(size for axis, size in sizes if axis not in "YXSC")
    return [dataclasses.replace(place, series=(number, n)) for n in range(count)]


def _common(series: Any, pixel_size: PixelSize | None) -> TiffPlace:
    """Returns what all images of a series have in common."""
    _check_axes(series.axes)
    sizes = list(zip(series.axes, series.shape, strict=True))
    height, width = dict(sizes)["Y"], dict(sizes)["X"]
    channels = math.prod(size for axis, size in sizes if axis in "SC")
    place = TiffPlace(
        shape=(height, width, channels),
        dtype=np.dtype(series.dtype),
        pixel_size=pixel_size,
    )
    return _described(place, series.keyframe)


def _of_one_file(
    source: SourceFile,
    tiff: Any,
    series: Any,
    pixel_size: PixelSize | None,
) -> list[TiffPlace]:
    """Lists those images of a series of several files that begin in this one."""
    place = _common(series, pixel_size)
    found = []
    for pages in own_images(series, tiff):
        own = place.in_segments_of(TiffPageReader(source, pages[0].keyframe))
        files = [page.parent.filehandle.path for page in pages]
        elsewhere = any(page.parent is not tiff for page in pages)
        found.append(
            dataclasses.replace(
                own,
                pages=tuple(page.offset for page in pages),
                files=tuple(map(pathlib.Path, files)) if elsewhere else (),
            )
        )
    return found


def _described(place: TiffPlace, page: Any) -> TiffPlace:
    """Adds what the tags of a page say of its channels."""
    if page.dtype is None:
        raise ValueError(f"its numbers of {page.bitspersample} bits are not known")
    colour_space = _OTHER_COLOURS.get(page.photometric)
    if page.photometric == _YCBCR and page.compression in _AS_THEY_ARE:
        colour_space = "YCbCr"
    if colour_space:
        raise ValueError(f"its colours are {colour_space}, not grey or RGB")
    colours = None
    # ImageJ's palettes say how it shows grey values.
    if page.colormap is not None and not page.parent.is_imagej:
        # 16 bits a colour in the file, of which 8 are known to be meant.
        colours = (page.colormap >> 8).astype(np.uint8).T
    samples, extra = page.samplesperpixel, tuple(page.extrasamples or ())
    alpha = samples in (2, 4) and (
        extra[-1:] in [(kind,) for kind in _ALPHA]
        or (page.photometric == _RGB and samples == 4 and not extra)
    )
    return dataclasses.replace(
        place,
        colours=colours,
        alpha=alpha and place.shape[2] == samples,
        inverted=place.dtype == bool and page.photometric == _WHITE_IS_ZERO,
        georeferenced=any(tag in page.tags for tag in _GEO_TAGS),
        nodata=_nodata(page),
        orientation=of_tag(page.tags.valueof("Orientation")),
    )


def _nodata(page: Any) -> float | None:
    """Returns what GDAL's tag says; tifffile has 0 for what the type cannot hold."""
    text = str(page.tags.valueof(_NODATA, "")).replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


def _check_axes(axes: str) -> None:
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"its axes are {axes}, without height and width")
