"""What an image that is written window by window is going to be."""

import dataclasses
import math
from collections.abc import Iterable, Iterator

import numpy as np

from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis
from pipelines.images.windowed import Georeference, PixelSize, WindowedImage

# Of a tile or chunk in a file: what viewers and servers fetch at once.
TILE_SIDE = 512

Window = tuple[int, int, np.ndarray]
"""(top, left, pixels): pixels are (height, width, channels)."""


@dataclasses.dataclass(frozen=True)
class ImageLayout:
    """Size and meaning of an image whose pixels come later.

    Attributes:
        height: pixels.
        width: pixels.
        channels: of every pixel.
        dtype: of the values.
        averaged: smaller levels hold means of pixels; else, as for classes and
            objects, every second pixel.
        pixel_size: None if it is not known.
        georeference: None if there is none.
        stack: axes that number the images of its file, slowest first; these are
            written as one.
        origin: what is known of where the image comes from.
    """

    height: int
    width: int
    channels: int
    dtype: np.dtype
    averaged: bool = False
    pixel_size: PixelSize | None = None
    georeference: Georeference | None = None
    stack: tuple[StackAxis, ...] = ()
    # As long as a stack has planes, and asked for with each of them.
    origin: Origin = dataclasses.field(default=Origin(), repr=False)

    @classmethod
    def of(cls, image: WindowedImage, channels: int, dtype: np.dtype) -> "ImageLayout":
        """Returns the layout of other values for the pixels of an image."""
        return cls(
            *(image.height, image.width, channels, dtype),
            pixel_size=image.pixel_size,
            stack=image.stack,
            origin=image.origin,
        )

    @property
    def num_planes(self) -> int:
        """Images of the stack; 1 for an image alone."""
        return math.prod(axis.count for axis in self.stack)

    @property
    def row_bytes(self) -> int:
        """Of one row of pixels."""
        return self.width * self.channels * self.dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """Of all pixels."""
        return self.height * self.row_bytes

    def halved(self) -> "ImageLayout":
        """Returns the layout of the next smaller level of a pyramid."""
        size = self.pixel_size
        if size is not None:
            size = PixelSize(size.height * 2, size.width * 2, size.unit)
        return dataclasses.replace(
            self,
            height=(self.height + 1) // 2,
            width=(self.width + 1) // 2,
            pixel_size=size,
        )

    def levels(self) -> list["ImageLayout"]:
        """Returns this layout and smaller ones, until a level is one tile."""
        levels = [self]
        while max(levels[-1].height, levels[-1].width) > TILE_SIDE:
            levels.append(levels[-1].halved())
        return levels


@dataclasses.dataclass(frozen=True)
class ImageToWrite:
    """A layout and its pixels.

    Attributes:
        layout: what the image is.
        windows: from left to right in rows of windows of one height, from top to
            bottom; they cover the image.
    """

    layout: ImageLayout
    windows: Iterable[Window]


def row_bands(image: ImageToWrite, rows: int) -> Iterator[np.ndarray]:
    """Lays windows together to bands of whole rows.

    Args:
        image: what is written.
        rows: height of a band; the last one may be lower.

    Yields:
        (rows, width, channels), from top to bottom. Besides the band that is filled,
        one row of windows is held.
    """
    shape = (rows, image.layout.width, image.layout.channels)
    band, filled = np.empty(shape, image.layout.dtype), 0
    for strip in _strips(image):
        start = 0
        while start < len(strip):
            count = min(rows - filled, len(strip) - start)
            band[filled : filled + count] = strip[start : start + count]
            start, filled = start + count, filled + count
            if filled == rows:
                yield band
                band, filled = np.empty(shape, image.layout.dtype), 0
    if filled:
        yield band[:filled]


def halve(band: np.ndarray, averaged: bool) -> np.ndarray:
    """Returns a band of half the height and width, rounded up.

    Args:
        band: (height, width, channels).
        averaged: takes means of 2x2 pixels, else every second pixel.
    """
    if not averaged:
        return band[::2, ::2]
    odd = [(0, size % 2) for size in band.shape[:2]]
    even = np.pad(band, [*odd, (0, 0)], mode="edge")
    dtype = np.float32 if band.dtype.kind == "f" else np.uint32
    total = even[::2, ::2].astype(dtype)
    for row, column in ((0, 1), (1, 0), (1, 1)):
        total += even[row::2, column::2]
    mean = total / 4 if band.dtype.kind == "f" else (total + 2) // 4
    return mean.astype(band.dtype)


def _strips(image: ImageToWrite) -> Iterator[np.ndarray]:
    """Yields rows of windows as (height of the windows, width, channels)."""
    width, strip = image.layout.width, None
    for _, left, pixels in image.windows:
        if pixels.shape[1] == width:
            yield pixels
            continue
        if strip is None:
            shape = (len(pixels), width, image.layout.channels)
            strip = np.empty(shape, image.layout.dtype)
        strip[:, left : left + pixels.shape[1]] = pixels
        if left + pixels.shape[1] == width:
            yield strip
            strip = None
