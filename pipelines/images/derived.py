"""An image with the channels that a model takes."""

import numpy as np

from pipelines.images.reading import check_channels
from pipelines.images.windowed import DerivedImage, WindowedImage


class MatchedChannels(DerivedImage):
    """An image without the alpha channel that a model does not take.

    Args:
        source: the image.
        channels: that the model takes.

    Raises:
        ValueError: the image has other channels than the model takes.
    """

    def __init__(self, source: WindowedImage, channels: int) -> None:
        super().__init__(source)
        check_channels(source.channels, channels, source.name, alpha=source.has_alpha)
        self.has_alpha = source.has_alpha and channels == source.channels
        self.channels = channels

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns `channels` channels."""
        return self._source.window(top, left, height, width)[..., : self.channels]
