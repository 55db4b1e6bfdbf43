"""What every opened image is: an array (height, width, channels) read by windows."""

import abc
import dataclasses
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pipelines.images.length_units import factor, symbol_of
from pipelines.images.orientation import AS_STORED
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis

# Of one block of `blocks`: large enough to be read fast, small beside a network.
BLOCK_BYTES = 16 * 2**20


@dataclasses.dataclass(frozen=True)
class PixelSize:
    """The size of a pixel in the world.

    Attributes:
        height: of a pixel, in `unit`.
        width: of a pixel, in `unit`.
        unit: its name, for example "µm"; empty where the file has numbers alone.
    """

    height: float
    width: float
    unit: str


def made_size(
    height: Any, width: Any, unit: str, width_unit: str | None = None
) -> PixelSize | None:
    """Returns a size from what a file says; None if that is no size.

    Args:
        height: of a pixel.
        width: of a pixel.
        unit: of the height, and of the size that is returned.
        width_unit: of the width; None for the same.
    """
    unit = symbol_of(unit)
    scale = factor(symbol_of(width_unit or unit), unit)
    try:
        sizes = float(height), float(width) * (scale or math.nan)
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return None
    return PixelSize(sizes[0], sizes[1], unit)


def as_length(size: PixelSize | None) -> PixelSize | None:
    """Returns a size that compares with others; None for one without a unit."""
    return size if size is not None and size.unit else None


def as_known_length(size: PixelSize | None) -> PixelSize | None:
    """Returns a size in a unit of length; None for one in any other text."""
    return size if size is not None and factor(size.unit, "m") is not None else None


class Region(NamedTuple):
    """A part of an image.

    Attributes:
        top: its first row.
        left: its first column.
        height: rows, all of them in the image.
        width: columns.
    """

    top: int
    left: int
    height: int
    width: int

    def holds(self, row: int, column: int) -> bool:
        """Tells whether a pixel of the image lies in it."""
        below, right = row - self.top, column - self.left
        return 0 <= below < self.height and 0 <= right < self.width

    def grown(self, margin: int, image: "WindowedImage") -> "Region":
        """Returns it with so many pixels more on each side, as far as there are any."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        bottom = min(image.height, self.top + self.height + margin)
        right = min(image.width, self.left + self.width + margin)
        return Region(top, left, bottom - top, right - left)


@dataclasses.dataclass(frozen=True)
class Georeference:
    """Where an image lies on the Earth.

    Attributes:
        crs: its coordinate reference system as WKT text.
        transform: (a, b, c, d, e, f) with x = a column + b row + c and
            y = d column + e row + f.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]


class WindowedImage(abc.ABC):
    """An image of which any window can be read, from any thread.

    Attributes:
        name: what messages call it.
        height: pixels.
        width: pixels.
        channels: of every pixel.
        dtype: of the pixel values, as in the file.
        pixel_size: None where the file does not say.
        georeference: None where the file has none, or rasterio is not installed.
        is_georeferenced: the file has one, whether it could be read or not.
        has_alpha: the last channel says how transparent the others are.
        stack: the axes that number the images of its file, slowest first; nothing
            where the file does not name them, or has other axes or images.
        origin: what its file says of where it comes from.
        nodata: what a GeoTIFF writes where nothing is known; None if it does not say.
        orientation: the EXIF orientation, 1 to 8, that pixels are not turned by.
        palette: (indices, 3) uint8, the colours of a PNG or TIFF that is read as
            indices; None for others.
        decoding_bytes: of memory that its first window may take for a while, where it
            is decoded as a whole.
    """

    name: str
    height: int
    width: int
    channels: int
    dtype: np.dtype
    pixel_size: PixelSize | None = None
    georeference: Georeference | None = None
    is_georeferenced: bool = False
    has_alpha: bool = False
    stack: tuple[StackAxis, ...] = ()
    origin: Origin = Origin()
    nodata: float | None = None
    orientation: int = AS_STORED
    palette: np.ndarray | None = None
    decoding_bytes: int = 0

    @property
    def num_bytes(self) -> int:
        """Of all pixels, decoded."""
        return self.height * self.width * self.channels * self.dtype.itemsize

    @abc.abstractmethod
    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Reads pixels: (height, width, channels), values as in the file.

        The window lies inside of the image. The array may be a view that is not to be
        written to.

        Raises:
            ValueError: the file cannot be read any more; names it.
        """

    def whole(self) -> np.ndarray:
        """Reads all pixels: (self.height, self.width, channels)."""
        return self.window(0, 0, self.height, self.width)

    def close(self) -> None:
        """Gives back the file; windows cannot be read any more."""
        return None

    def __enter__(self) -> "WindowedImage":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the image."""
        self.close()


class ArrayImage(WindowedImage):
    """An array (height, width, channels) in memory as a windowed image."""

    def __init__(self, array: np.ndarray, name: str) -> None:
        self._array = array
        self.name = name
        self.height, self.width, self.channels = array.shape
        self.dtype = array.dtype

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns a view."""
        return self._array[top : top + height, left : left + width]


class DerivedImage(WindowedImage):
    """An image whose windows are made from those of another, which it closes."""

    def __init__(self, source: WindowedImage) -> None:
        self._source = source
        self.name, self.dtype = source.name, source.dtype
        self.height, self.width = source.height, source.width
        self.channels, self.pixel_size = source.channels, source.pixel_size
        self.georeference = source.georeference
        self.is_georeferenced = source.is_georeferenced
        self.has_alpha, self.nodata = source.has_alpha, source.nodata
        self.orientation, self.palette = source.orientation, source.palette

    def close(self) -> None:
        """Closes the other."""
        self._source.close()


def blocks(
    image: WindowedImage, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Reads a whole image block by block: (top, left, pixels).

    Blocks are whole rows where a few rows fit, so that files stored by rows are read
    in order, and squares otherwise; multiples of 256 pixels where there are so many,
    as the tiles of most files.
    """
    pixel_bytes = image.dtype.itemsize * image.channels
    rows = block_bytes // max(1, image.width * pixel_bytes)
    if rows >= 256 or rows >= image.height:
        height, width = max(1, rows // 256 * 256 or rows), image.width
    else:
        side = max(256, int((block_bytes / pixel_bytes) ** 0.5) // 256 * 256)
        height, width = side, side
    for top in range(0, image.height, height):
        for left in range(0, image.width, width):
            size = min(height, image.height - top), min(width, image.width - left)
            yield top, left, image.window(top, left, *size)


def spans(start: int, length: int, size: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields what a side of a window has of each tile, strip or chunk that it touches.

    Args:
        start: first pixel of the window.
        length: pixels of the window.
        size: pixels of a tile along this side.

    Yields:
        (number, in_window, of_tile): which tile along the side it is, and where its
        pixels are in the window and in the tile.
    """
    for number in range(start // size, (start + length - 1) // size + 1):
        before = number * size
        first, end = max(start, before), min(start + length, before + size)
        in_window = slice(first - start, end - start)
        yield number, in_window, slice(first - before, end - before)
