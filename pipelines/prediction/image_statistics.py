"""The statistics that an image is scaled by, and what spoils them."""

from typing import NamedTuple

import numpy as np

from pipelines import scaling
from pipelines.dataset.no_data import NoData, WatchedImage
from pipelines.images import WindowedImage, blocks
from pipelines.images.derived import MatchedChannels
from pipelines.overlap_tile.tile_passes import not_finite, too_large


class Statistics(NamedTuple):
    """What an image is scaled by, and what spoils it.

    Attributes:
        mean: float32 (channels,).
        std: likewise.
        no_data: pixels that have a part in them though nothing is known of them;
            None if they are few.
        doubt: what is said of differences that float32 cannot hold; None if it can.
    """

    mean: np.ndarray
    std: np.ndarray
    no_data: NoData | None = None
    doubt: str | None = None


def statistics_of(image: WindowedImage, channels: int, how: str) -> Statistics:
    """Returns what an image is scaled by.

    Args:
        image: values as in the file.
        channels: of it that the net takes.
        how: pixels are scaled: "per_image", or "dtype", for which none is read.

    Raises:
        ValueError: pixels are NaN, infinite or beyond float32, or cannot be read.
    """
    if how == "dtype":
        return Statistics(*scaling.dtype_statistics(image.dtype, channels))
    watched = WatchedImage(image)
    image = MatchedChannels(watched, channels)
    moments = scaling.moments_of(image)
    mean, std = scaling.statistics_of_moments(moments)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        is_finite = all(np.isfinite(pixels).all() for _, _, pixels in blocks(image))
        raise (too_large if is_finite else not_finite)(image.name)
    doubt = scaling.doubt_of_digits(moments, image.dtype)
    return Statistics(mean, std, watched.no_data(), doubt)
