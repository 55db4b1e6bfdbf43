"""Masks: integers in one channel, or in three where a mask is in colour."""

import numpy as np

from pipelines.images.bounded import BoundedCache
from pipelines.images.windowed import DerivedImage, WindowedImage, blocks

# Whether the colours of a mask are equal everywhere, by file.
_KNOWN = BoundedCache(2**26)


def as_mask(image: WindowedImage, key: object) -> WindowedImage:
    """Returns an image as a mask.

    Args:
        image: palettes as indices.
        key: what the file and its state are known by.

    Returns:
        An image of one channel, or three if they differ anywhere. A mask of several
        channels is looked through once to tell.

    Raises:
        ValueError: the mask has other channels, and they differ.
    """
    colours = image.channels - image.has_alpha
    if colours > 1:
        equal = _KNOWN.get(key)
        if equal is None:
            equal = all(
                (pixels[..., :colours] == pixels[..., :1]).all()
                for _, _, pixels in blocks(image)
            )
            _KNOWN.put(key, equal, 500)
        if equal:
            colours = 1
    if colours not in (1, 3):
        raise ValueError(
            f"{image.name}: a mask must have one channel, got {colours} that "
            "differ (three would be colours). Write ids into a grey or "
            "palette image."
        )
    return _Mask(image, colours)


class _Mask(DerivedImage):
    def __init__(self, image: WindowedImage, channels: int) -> None:
        super().__init__(image)
        self.channels, self.has_alpha = channels, False
        if image.dtype.kind not in "ui":
            self.dtype = np.dtype(np.int64)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns integers; raises ValueError for other numbers."""
        pixels = self._source.window(top, left, height, width)[..., : self.channels]
        return pixels if pixels.dtype.kind in "ui" else _whole(pixels, self.name)


def _whole(mask: np.ndarray, name: str) -> np.ndarray:
    # From 2**53 on floats leave out whole numbers. NaN passes no comparison.
    whole = (np.abs(mask.astype(np.float64)) < 2**53) & (np.floor(mask) == mask)
    if not whole.all():
        raise ValueError(
            f"{name}: mask values must be whole numbers, got {mask[~whole][0]} "
            f"({mask.dtype}). Round or threshold the mask."
        )
    return mask.astype(np.int64)
