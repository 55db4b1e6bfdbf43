"""Images of any size through servers that take small ones: cut, sent, stitched.

A region is sent with all the context that the net sees around it, it begins on the
net's pooling grid, and it is scaled by the statistics of the whole image: its mask is
that of one pass over the whole image.
"""

import math
from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np

from keras_unet import geometry
from pipelines import tensorflow_start
from pipelines.client.about import About
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.in_order import in_order
from pipelines.client.pool import ServerPool
from pipelines.client.server import only
from pipelines.images import WindowedImage
from pipelines.images.windowed import Region
from pipelines.results.layout import Window

SIGNATURE = "region"
OUTPUT = "probability"
# Some seconds of work, and 16 MiB of float32 in a message.
LARGEST_SIDE = 2048


def plan_regions(
    height: int, width: int, about: About, largest_side: int = LARGEST_SIDE
) -> list[Region]:
    """Cuts an image evenly into regions that the server takes, row by row.

    They begin on multiples of the net's pooling step, and one request gives the mask
    of each.

    Args:
        height: of the image.
        width: of the image.
        about: the model.
        largest_side: the most pixels of a side of a region, without its margins; with
            several channels or classes it is less, for as many numbers.

    Raises:
        ValueError: the server's limit is less than a region with its margins.
    """
    values = max(about.channels, about.num_classes if about.num_classes > 2 else 1)
    largest_side = max(about.step, math.isqrt(largest_side**2 // values))
    if about.pixel_limit is not None:
        fitting = math.isqrt(about.pixel_limit) - about.before - about.after
        largest_side = min(largest_side, fitting)
    if largest_side < about.step:
        raise ValueError(
            f"The server takes images of {about.pixel_limit} pixels, fewer than a "
            f"region of {about.step} x {about.step} with its margins has. Export the "
            "model with a higher limit."
        )
    rows, columns = (
        geometry.even_core(size, largest_side, about.step) for size in (height, width)
    )
    return [
        Region(top, left, min(rows, height - top), min(columns, width - left))
        for top in range(0, height, rows)
        for left in range(0, width, columns)
    ]


def mask_windows(
    pool: ServerPool,
    executor: Executor,
    image: WindowedImage,
    about: About,
    regions: list[Region],
) -> Iterator[Window]:
    """Yields the mask of an image, region by region in their order.

    Args:
        pool: the servers.
        executor: runs the requests.
        image: of any size.
        about: the model.
        regions: from `plan_regions`, for this image.

    Yields:
        (top, left, mask): uint8 (height, width, 1), 0 and 255, or class ids from three
        classes on.

    Raises:
        ServerFailure: no server answers for a region.
    """
    # These load TensorFlow, which the client needs for nothing else.
    tensorflow_start.import_tensorflow_quietly("tensorflow")
    from pipelines import decision, scaling

    mean, std = scaling.statistics_of(image, about.scaling)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        raise ValueError(
            f"{image.name}: its pixels must be finite; it has NaN or infinite ones. "
            "Replace them."
        )

    def segment_region(region: Region) -> Window:
        probability = _probability(pool, image, about, region, mean, std)
        if about.num_classes > 2 and probability.shape[-1] == 1:
            raise _foreign(pool, f"one probability for {about.num_classes} classes")
        mask = decision.mask_from_probability(probability, about.threshold)
        return region.top, region.left, mask.numpy()[..., np.newaxis]

    # Twice as many as are under way: answers that come early wait for their turn.
    yield from in_order(executor, segment_region, regions, 2 * pool.num_requests)


def _probability(
    pool: ServerPool,
    image: WindowedImage,
    about: About,
    region: Region,
    mean: np.ndarray,
    std: np.ndarray,
) -> np.ndarray:
    """The probability of a region, float32 (height, width, channels)."""
    from pipelines.mirroring import mirrored_window

    # The last rows and columns go beyond the image, where it is mirrored: the answer is
    # for whole cells of the net's pooling grid.
    height, width = (
        -(-side // about.step) * about.step for side in (region.height, region.width)
    )
    around = about.before + about.after
    window = mirrored_window(
        image,
        region.top - about.before,
        region.left - about.before,
        height + around,
        width + around,
    )
    inputs = {
        "image": window[np.newaxis].astype(np.float32),
        "mean": mean[np.newaxis],
        "std": std[np.newaxis],
    }
    probability = only(pool.predict(SIGNATURE, inputs), OUTPUT)
    if probability is None or probability.shape[:3] != (1, height, width):
        raise _foreign(pool, f"no {OUTPUT} of the region's size")
    return probability[0, : region.height, : region.width].astype(np.float32)


def _foreign(pool: ServerPool, what: str) -> ServerFailure:
    return ServerFailure(
        f"{pool.servers[0].address.text}: the signature {SIGNATURE} answers with "
        f"{what}. Serve a model that `keras-unet export` wrote.",
        Kind.REFUSED,
    )
