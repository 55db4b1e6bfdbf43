"""One image through servers, without files: for programs."""

import contextlib
from collections.abc import Iterator

import imagecodecs
import numpy as np

from pipelines.client.connecting import connect
from pipelines.client.pool import ServerPool
from pipelines.client.service import at_work, mask_of_file
from pipelines.config import SegmentConfig
from pipelines.images import ArrayImage
from pipelines.results.writing import encode_png


def segment_image(
    url: str,
    data: bytes,
    timeout: float = SegmentConfig.timeout,
    retries: int = SegmentConfig.retries,
) -> bytes:
    """Sends one image file, as it is.

    Args:
        url: http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME, or several,
            separated by commas.
        data: a PNG or JPEG file.
        timeout: seconds to wait for the answer.
        retries: more tries where a server is away, too busy, or breaks off.

    Returns:
        The mask: a PNG file of the image's height and width.

    Raises:
        ValueError: the server cannot be reached, refuses, or answers with no mask.
    """
    with _connected(url, timeout, retries) as pool:
        return mask_of_file(pool, data)


def segment_array(
    url: str,
    image: np.ndarray,
    timeout: float = SegmentConfig.timeout,
    retries: int = SegmentConfig.retries,
) -> np.ndarray:
    """Sends one image of any size and type; beyond the server's limit in regions.

    Args:
        url: as of `segment_image`.
        image: (height, width) or (height, width, channels), values as in the files
            that the model was trained on.
        timeout: seconds to wait for each answer.
        retries: as of `segment_image`.

    Returns:
        The mask, uint8 (height, width): 0 and 255, or class ids from three classes on.

    Raises:
        ValueError: the server cannot be reached or refuses, or the image does not fit
            the model.
    """
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(
            "image must be (height, width) or (height, width, channels), got the "
            f"shape {image.shape}."
        )
    pixels = image if image.ndim == 3 else image[..., np.newaxis]
    source = ArrayImage(pixels, "the image")
    # As in the PNG that it is sent as.
    source.has_alpha = source.channels in (2, 4)
    with _connected(url, timeout, retries) as pool, at_work(pool) as service:
        if service.takes_whole(source):
            return imagecodecs.png_decode(mask_of_file(pool, encode_png(pixels)))

        def mask_of_regions() -> np.ndarray:
            mask = np.empty(pixels.shape[:2], np.uint8)
            for top, left, part in service.mask_windows(source):
                height, width = part.shape[:2]
                mask[top : top + height, left : left + width] = part[..., 0]
            return mask

        return service.of_one_version(mask_of_regions)


@contextlib.contextmanager
def _connected(url: str, timeout: float, retries: int) -> Iterator[ServerPool]:
    with contextlib.closing(ServerPool(connect(url, timeout), retries)) as pool:
        yield pool
