"""Which images a TIFF is made of, and where the pixels of each are."""

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pipelines.images.handles import SourceFile
from pipelines.images.tiff.flat import check_whole, flat_images
from pipelines.images.tiff.notes import notes_of
from pipelines.images.tiff.page import TiffPageReader
from pipelines.images.tiff.place import TiffPlace, described
from pipelines.images.tiff.series import (
    image_pages,
    is_of_several_files,
    own_images,
)
from pipelines.images.windowed import PixelSize

# Series of these kinds are images of equal rank. In others the first is the image, and
# what follows are thumbnails, labels and smaller levels.
_EQUAL_SERIES = ("generic", "uniform", "shaped", "ome")
_PLAIN_KINDS = ("generic", "uniform", "shaped")
# Bit of the tag NewSubfileType.
_TRANSPARENCY_MASK = 4


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
    all_notes = notes_of(tiff, chosen)
    found = []
    for number, (series, notes) in enumerate(zip(chosen, all_notes, strict=True)):
        several = kind == "ome" and is_of_several_files(tiff, series)
        if several or (kind == "mmstack" and series.is_multifile):
            numbered: Iterable[tuple[int, TiffPlace]] = _of_one_file(
                source, tiff, series, notes.pixel_size
            )
        else:
            numbered = enumerate(
                _of_series(source, series, number, offsets, notes.pixel_size)
            )
        found += [
            dataclasses.replace(place, origin=notes.origin.of_plane(plane))
            for plane, place in numbered
        ]
    if len(chosen) == 1 and not chosen[0].is_multifile:
        (_, origin, stack) = all_notes[0]
        if stack and math.prod(axis.count for axis in stack) == len(found):
            return [
                dataclasses.replace(place, stack=stack, origin=origin)
                for place in found
            ]
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
    return described(place.in_segments_of(reader), page)


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
    return described(place, series.keyframe)


def _of_one_file(
    source: SourceFile,
    tiff: Any,
    series: Any,
    pixel_size: PixelSize | None,
) -> Iterator[tuple[int, TiffPlace]]:
    """Yields those images of a series of several files that begin in this one.

    Each with its number in the series.
    """
    place = _common(series, pixel_size)
    for number, pages in own_images(series, tiff):
        own = place.in_segments_of(TiffPageReader(source, pages[0].keyframe))
        files = [page.parent.filehandle.path for page in pages]
        elsewhere = any(page.parent is not tiff for page in pages)
        yield (
            number,
            dataclasses.replace(
                own,
                pages=tuple(page.offset for page in pages),
                files=tuple(map(pathlib.Path, files)) if elsewhere else (),
            ),
        )


def _check_axes(axes: str) -> None:
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"its axes are {axes}, without height and width")
