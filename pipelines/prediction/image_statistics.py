"""The statistics that an image is scaled by, and what spoils them."""

import dataclasses

import numpy as np

from pipelines import scaling
from pipelines.dataset.image_pass import LEAST_NO_DATA, count_of
from pipelines.images import WindowedImage, blocks
from pipelines.images.derived import DerivedImage
from pipelines.overlap_tile.tile_passes import not_finite, too_large


@dataclasses.dataclass(frozen=True)
class NoData:
    """Pixels of which a GeoTIFF says that nothing is known.

    Attributes:
        name: of the image.
        share: of its pixels.
        value: that they have.
    """

    name: str
    share: float
    value: float


def statistics_of(
    image: WindowedImage, how: str
) -> tuple[np.ndarray, np.ndarray, NoData | None]:
    """Returns what an image is scaled by, and what of it is NoData.

    Args:
        image: values as in the file.
        how: pixels are scaled: "per_image", or "dtype", for which none is read.

    Returns:
        (mean, std, no data): float32 (channels,) each, and what has a part in them
        though nothing is known of it; None if that is little.

    Raises:
        ValueError: pixels are NaN, infinite or beyond float32, or cannot be read.
    """
    watched = _Watched(image)
    mean, std = scaling.statistics_of(watched, how)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        is_finite = all(np.isfinite(pixels).all() for _, _, pixels in blocks(image))
        raise (too_large if is_finite else not_finite)(image.name)
    share = watched.num_no_data / (image.height * image.width)
    if image.nodata is None or share < LEAST_NO_DATA:
        return mean, std, None
    return mean, std, NoData(image.name, share, image.nodata)


class _Watched(DerivedImage):
    """An image that counts, while its pixels are read, those that are NoData.

    Attributes:
        num_no_data: pixels that the file calls so.
    """

    def __init__(self, source: WindowedImage) -> None:
        super().__init__(source)
        self.num_no_data = 0

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        pixels = self._source.window(top, left, height, width)
        if self.nodata is not None:
            values = pixels[..., :-1] if self.has_alpha else pixels
            self.num_no_data += count_of(values, self.nodata)
        return pixels
