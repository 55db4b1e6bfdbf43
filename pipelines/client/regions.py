"""Images of any size through servers that take small ones: cut, sent, stitched.

A region is sent with all the context that the net sees around what is kept of it, its
origin lies on the net's pooling grid, and it is scaled by the statistics of the whole
image: what is kept equals the mask of one pass over the whole image.
"""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np

from keras_unet import geometry
from pipelines.client.about import About
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.in_order import in_order
from pipelines.client.pool import ServerPool
from pipelines.client.server import only
from pipelines.images import WindowedImage
from pipelines.images.layout import Window

SIGNATURE = "region"
OUTPUT = "probability"
# The most pixels of a side that are kept of one region: some seconds of work, and
# 16 MiB of float32 in a message.
LARGEST_SIDE = 2048


@dataclasses.dataclass(frozen=True)
class Region:
    """What is kept of one request.

    Attributes:
        top: first row that is kept.
        left: first column.
        height: rows kept, within the image.
        width: columns kept.
    """

    top: int
    left: int
    height: int
    width: int


@dataclasses.dataclass(frozen=True)
class RegionPlan:
    """How an image is cut.

    Attributes:
        regions: row by row.
        margin: pixels that are sent on each side around what is kept; a multiple of
            the net's pooling step.
        core: height and width that are kept of a full region; what is sent is
            2 * margin more.
    """

    regions: list[Region]
    margin: int
    core: tuple[int, int]


def plan_regions(
    height: int, width: int, about: About, largest_side: int = LARGEST_SIDE
) -> RegionPlan:
    """Cuts an image evenly into regions that the server takes.

    Args:
        height: of the image.
        width: of the image.
        about: the model.
        largest_side: the most pixels of a side that are kept of a region.

    Raises:
        ValueError: the server's limit is less than a region with its context.
    """
    step = 2**about.depth
    before = geometry.plan_side(step, step, about.depth, about.variant).before
    margin = -(-before // step) * step
    if about.pixel_limit is not None:
        fitting = int(about.pixel_limit**0.5) - 2 * margin
        largest_side = min(largest_side, fitting)
    if largest_side < step:
        raise ValueError(
            f"The server takes images of {about.pixel_limit} pixels, less than a tile "
            f"with the {margin} pixels around it that the net sees. Export the model "
            "with a higher limit."
        )
    rows, columns = (
        geometry.plan_side(size, largest_side, about.depth, about.variant)
        for size in (height, width)
    )
    regions = [
        Region(top, left, min(rows.core, height - top), min(columns.core, width - left))
        for top in range(0, height, rows.core)
        for left in range(0, width, columns.core)
    ]
    return RegionPlan(regions, margin, (rows.core, columns.core))


def mask_windows(
    pool: ServerPool,
    executor: Executor,
    image: WindowedImage,
    about: About,
    plan: RegionPlan,
) -> Iterator[Window]:
    """Yields the mask of an image, region by region in the order of the plan.

    Args:
        pool: the servers.
        executor: runs the requests.
        image: of any size.
        about: the model.
        plan: from `plan_regions`, for this image.

    Yields:
        (top, left, mask): uint8 (height, width, 1), 0 and 255, or class ids from three
        classes on.

    Raises:
        ServerFailure: no server answers for a region.
    """
    # These load TensorFlow, which the client needs for nothing else.
    from pipelines import decision, scaling

    mean, std = scaling.statistics_of(image, about.scaling)

    def segment_region(region: Region) -> Window:
        probability = _probability(pool, image, plan, region, mean, std)
        if about.num_classes > 2 and probability.shape[-1] == 1:
            raise _foreign(pool, f"one probability for {about.num_classes} classes")
        mask = decision.mask_from_probability(probability, about.threshold)
        return region.top, region.left, mask.numpy()[..., np.newaxis]

    # Twice as many as are under way: answers that come early wait for their turn.
    yield from in_order(executor, segment_region, plan.regions, 2 * pool.num_requests)


def _probability(
    pool: ServerPool,
    image: WindowedImage,
    plan: RegionPlan,
    region: Region,
    mean: np.ndarray,
    std: np.ndarray,
) -> np.ndarray:
    """The probability of what is kept of a region, (height, width, channels)."""
    from pipelines.mirroring import mirrored_window

    margin = plan.margin
    # Full regions also at the borders, where the image is mirrored: servers plan and
    # compile few shapes.
    height, width = (side + 2 * margin for side in plan.core)
    window = mirrored_window(
        image, region.top - margin, region.left - margin, height, width
    )
    inputs = {
        "image": window[np.newaxis].astype(np.float32),
        "mean": mean[np.newaxis],
        "std": std[np.newaxis],
    }
    probability = only(pool.predict(SIGNATURE, inputs), OUTPUT)
    if probability is None or probability.shape[:3] != (1, height, width):
        raise _foreign(pool, f"no {OUTPUT} of the region's size")
    kept = probability[
        0, margin : margin + region.height, margin : margin + region.width
    ]
    return kept.astype(np.float32)


def _foreign(pool: ServerPool, what: str) -> ServerFailure:
    return ServerFailure(
        f"{pool.servers[0].address.text}: the signature {SIGNATURE} answers with "
        f"{what}. Serve a model that `keras-unet export` wrote.",
        Kind.REFUSED,
    )
