"""An image of a TIFF, of which windows are read."""

import dataclasses
import math
import pathlib

import numpy as np
import tifffile

from pipelines.images.cache import ArrayCache, file_state
from pipelines.images.damage import reading
from pipelines.images.decoded import windows_or_whole
from pipelines.images.flat import read_window
from pipelines.images.geo import read_georeference
from pipelines.images.handles import SourceFile
from pipelines.images.tiff import contents
from pipelines.images.tiff.page import read_page
from pipelines.images.tiff.place import TiffPlace
from pipelines.images.windowed import WindowedImage


def open_tiff(
    path: pathlib.Path,
    index: int,
    name: str,
    cache: ArrayCache | None,
    *,
    as_mask: bool,
) -> WindowedImage:
    """Opens image `index` of a TIFF; its pixels are read by windows where it has such.

    Args:
        path: the file.
        index: of the image within the file.
        name: what messages call the image.
        cache: where images of large tiles or strips are kept, None for memory.
        as_mask: palettes stay indices instead of becoming colours.

    Raises:
        UnreadableImage: the file is missing, damaged, or holds no such image.
    """
    with reading(name, path, "TIFF"):
        source = SourceFile(path)
        places = contents.places(source)
        if index >= len(places):
            raise ValueError(f"it holds {len(places)} images")
        place = places[index]
        if place.unsure:
            place = _as_its_page(source, place)
        windows = _TiffImage(source, place, name, as_mask)
        # What changes when other files do that hold some of its channels.
        states = [file_state(file) for file in place.files]
        image = windows_or_whole(
            windows,
            path,
            "TIFF",
            cache,
            *(index, as_mask, *states),
            segment_bytes=windows.segment_bytes,
            segment_rows=place.segment_rows or windows.height,
        )
        if index == 0 and contents.is_georeferenced(path):
            image.is_georeferenced = True
            image.georeference = read_georeference(path)
        image.nodata, image.stack = place.nodata, place.stack
        image.origin = place.origin
        image.has_alpha, image.orientation = place.alpha, place.orientation
        return image


def _as_its_page(source: SourceFile, place: TiffPlace) -> TiffPlace:
    """Returns an image as its page is."""
    page = read_page(source, place.pages[0])
    if (page.shape, page.dtype) == (place.shape, place.dtype):
        return place
    alike = dataclasses.replace(place, shape=page.shape, dtype=page.dtype)
    return alike.in_segments_of(page)


class _TiffImage(WindowedImage):
    def __init__(
        self, source: SourceFile, place: TiffPlace, name: str, as_mask: bool
    ) -> None:
        self._source, self._place = source, place
        others = [SourceFile(file) for file in place.files]
        self._sources = others or [source] * len(place.pages)
        self._colours = None if as_mask else place.colours
        self.name = name
        self.height, self.width, self.channels = place.shape
        self.dtype = np.dtype(np.uint8) if place.dtype == bool else place.dtype
        if self._colours is not None:
            self.channels, self.dtype = 3, self._colours.dtype
        elif as_mask:
            self.palette = place.colours
        self.pixel_size = place.pixel_size
        # A series that tifffile puts together is decoded as one.
        self.segment_bytes = (
            math.inf if place.series is not None else place.segment_bytes
        )

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Decodes the tiles or strips that the window touches."""
        with reading(self.name, self._source.path, "TIFF"):
            pixels = self._stored(top, left, height, width)
            if self._place.inverted:
                pixels = ~pixels
            if self._colours is not None:
                return self._colours[pixels[..., 0]]
            return pixels.astype(self.dtype, copy=False)

    def close(self) -> None:
        """Closes the file, and others that hold its channels."""
        for source in {self._source, *self._sources}:
            source.release()

    def _stored(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        place = self._place
        if place.flat is not None:
            with self._source.opened() as descriptor:
                return read_window(descriptor, place.flat, top, left, height, width)
        if place.series is not None:
            return self._of_series()[top : top + height, left : left + width]
        parts = [
            self._of_page(source, offset, top, left, height, width)
            for source, offset in zip(self._sources, place.pages, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    def _of_page(
        self,
        source: SourceFile,
        offset: int,
        top: int,
        left: int,
        height: int,
        width: int,
    ) -> np.ndarray:
        place = self._place
        channels = place.shape[2] // len(place.pages)
        if offset < 0:
            return np.zeros((height, width, channels), place.dtype)
        page = read_page(source, offset)
        shape = (*place.shape[:2], channels)
        if (page.shape, page.dtype) != (shape, place.dtype):
            raise ValueError(
                f"a page is {page.dtype} of shape {page.shape}, where its first is "
                f"{place.dtype} of {shape}"
            )
        return page.window(top, left, height, width)

    def _of_series(self) -> np.ndarray:
        """Reads a whole series that tifffile alone knows how to put together."""
        number, index = self._place.series or (0, 0)
        with tifffile.TiffFile(self._source.path) as file:
            series = file.series[number]
            axes = series.axes
            stack = [axis for axis in axes if axis not in "YXSC"]
            order = [*stack, "Y", "X", *(axis for axis in axes if axis in "SC")]
            pixels = np.transpose(series.asarray(), [axes.index(a) for a in order])
            return pixels.reshape(-1, *self._place.shape)[index]
