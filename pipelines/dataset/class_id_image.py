"""A mask read as class ids, window by window."""

import numpy as np

from pipelines.dataset import mask_values
from pipelines.dataset.mask_values import MaskCoding
from pipelines.images import WindowedImage
from pipelines.images.windowed import DerivedImage


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
