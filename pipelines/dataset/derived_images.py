"""Images whose windows are made from those of other images."""

import numpy as np

from pipelines.dataset import mask_values
from pipelines.dataset.mask_values import MaskCoding
from pipelines.images import WindowedImage, match_channels


class DerivedImage(WindowedImage):
    """An image whose windows are made from those of another, which it closes."""

    def __init__(self, source: WindowedImage) -> None:
        self._source = source
        self.name, self.dtype = source.name, source.dtype
        self.height, self.width = source.height, source.width
        self.channels, self.pixel_size = source.channels, source.pixel_size

    def close(self) -> None:
        """Closes the other."""
        self._source.close()


class MatchedChannels(DerivedImage):
    """An image without the alpha channel that a model does not take."""

    def __init__(self, source: WindowedImage, channels: int) -> None:
        super().__init__(source)
        self.channels = channels

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns `channels` channels."""
        pixels = self._source.window(top, left, height, width)
        return match_channels(pixels, self.channels, self.name)


class ClassIds(DerivedImage):
    """A mask as class ids."""

    def __init__(self, source: WindowedImage, coding: MaskCoding) -> None:
        super().__init__(source)
        self._coding = coding
        self.channels, self.dtype = 1, np.dtype(np.uint8)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns class ids, uint8 (height, width, 1)."""
        values = self._source.window(top, left, height, width)
        in_colour = bool(self._coding.colours)
        values = mask_values.numbers_of(values, in_colour=in_colour)
        return mask_values.class_ids(values, self._coding)
