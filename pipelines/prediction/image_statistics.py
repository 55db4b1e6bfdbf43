"""The statistics that an image is scaled by, and what spoils them."""

import logging

import numpy as np

from pipelines import scaling
from pipelines.dataset.no_data import NoData, WatchedImage
from pipelines.images import WindowedImage, blocks
from pipelines.overlap_tile.tile_passes import not_finite, too_large

__all__ = ["NoData", "statistics_of"]

logger = logging.getLogger(__name__)


def statistics_of(
    image: WindowedImage, how: str
) -> tuple[np.ndarray, np.ndarray, NoData | None]:
    """Returns what an image is scaled by, and what of it is NoData or transparent.

    Warns of an image whose differences float32 cannot hold.

    Args:
        image: values as in the file.
        how: pixels are scaled: "per_image", or "dtype", for which none is read.

    Returns:
        (mean, std, no data): float32 (channels,) each, and what has a part in them
        though nothing is known of it; None if that is little.

    Raises:
        ValueError: pixels are NaN, infinite or beyond float32, or cannot be read.
    """
    if how == "dtype":
        return *scaling.dtype_statistics(image.dtype, image.channels), None
    watched = WatchedImage(image)
    moments = scaling.moments_of(watched)
    mean, std = scaling.statistics_of_moments(moments)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        is_finite = all(np.isfinite(pixels).all() for _, _, pixels in blocks(image))
        raise (too_large if is_finite else not_finite)(image.name)
    doubt = scaling.doubt_of_digits(moments, image.dtype)
    if doubt is not None:
        logger.warning("%s: %s", image.name, doubt)
    return mean, std, watched.no_data()
