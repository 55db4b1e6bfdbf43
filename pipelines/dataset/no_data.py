"""Pixels of which nothing is known, counted while an image is read."""

import dataclasses

import numpy as np

from pipelines.images import WindowedImage
from pipelines.images.windowed import DerivedImage

# Share of the pixels from which on NoData is told.
LEAST_NO_DATA = 0.001


@dataclasses.dataclass(frozen=True)
class NoData:
    """Pixels of which a file says that nothing is known.

    Attributes:
        name: of the image.
        share: of its pixels.
        value: that they have in a GeoTIFF; None for those that are transparent.
    """

    name: str
    share: float
    value: float | None

    @property
    def kind(self) -> str:
        """What messages call them."""
        if self.value is None:
            return "transparent (alpha 0)"
        return f"NoData ({self.value:g})"


class WatchedImage(DerivedImage):
    """An image as in its file that counts, while it is read once, pixels of no data.

    Its windows are those of its source. An alpha that a net does not take is looked at,
    too: maps are transparent around what was seen.
    """

    def __init__(self, source: WindowedImage) -> None:
        super().__init__(source)
        self._num_no_data, self._num_transparent = 0, 0

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Reads and counts pixels."""
        pixels = values = self._source.window(top, left, height, width)
        if self.has_alpha:
            values, alpha = pixels[..., :-1], pixels[..., -1]
            self._num_transparent += alpha.size - int(np.count_nonzero(alpha))
        if self.nodata is not None:
            self._num_no_data += count_of(values, self.nodata)
        return pixels

    def no_data(self) -> NoData | None:
        """Returns what was counted, when all is read; None if it is little.

        Of NoData and transparent pixels those that are more: most are both.
        """
        num_pixels = self.height * self.width
        # An alpha that is 0 everywhere was not meant.
        transparent = self._num_transparent % num_pixels
        share = max(transparent, self._num_no_data) / num_pixels
        if share < LEAST_NO_DATA:
            return None
        is_tagged = self._num_no_data >= transparent
        return NoData(self.name, share, self.nodata if is_tagged else None)


def count_of(pixels: np.ndarray, value: float) -> int:
    """Returns how many pixels have a value in all channels, if their type can hold it.

    Args:
        pixels: (height, width, channels).
        value: NaN is in none.
    """
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            wanted = np.float64(value).astype(pixels.dtype)
    else:
        limits = np.iinfo(pixels.dtype)
        if not limits.min <= value <= limits.max or value != int(value):
            return 0
        wanted = pixels.dtype.type(int(value))
    return int(np.count_nonzero((pixels == wanted).all(axis=-1)))
