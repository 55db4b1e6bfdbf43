"""Servers at work on images: whole ones as files, others cut into regions."""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

import numpy as np

from pipelines.client.about import About, ask_about
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.regions import mask_windows, plan_regions
from pipelines.client.server import only
from pipelines.client.verified_server import verified
from pipelines.client.workers import Workers
from pipelines.images import WindowedImage
from pipelines.images.damage import PNG_SIGNATURE
from pipelines.images.derived import MatchedChannels
from pipelines.images.reading import CHANNELS_OF_FILES, check_channels
from pipelines.results.layout import ImageLayout, Window
from pipelines.results.png_writing import png_holds

SIGNATURE = "image_bytes"
OUTPUT = "mask_bytes"

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def mask_of_file(pool: ServerPool, data: bytes) -> bytes:
    """Sends a PNG or JPEG file.

    Args:
        pool: the servers.
        data: the file.

    Returns:
        The mask: a PNG file of the image's height and width.

    Raises:
        ValueError: no server answers, or with no mask.
    """
    inputs = {"image_bytes": np.array([data], object)}
    masks = only(pool.predict(SIGNATURE, inputs), OUTPUT)
    mask = None if masks is None or not len(masks) else masks[0]
    if not isinstance(mask, bytes) or not mask.startswith(PNG_SIGNATURE):
        raise ServerFailure(
            f"{pool.servers[0].address.text}: expected a PNG as {OUTPUT} from the "
            f"signature {SIGNATURE}, got another answer. Serve a model that "
            "`keras-unet export` wrote.",
            Kind.REFUSED,
        )
    return mask


@dataclasses.dataclass(frozen=True)
class Service:
    """Servers of one model, and what it says of itself.

    Attributes:
        pool: the servers.
        executor: runs requests.
        about: the model; None for one that says nothing.
    """

    pool: ServerPool
    executor: Executor
    about: About | None

    def check_channels(self, image: WindowedImage) -> None:
        """Raises ValueError unless the model takes the image's channels.

        A PNG would tell a second dye from alpha no more.
        """
        if self.about is not None:
            check_channels(
                image.channels,
                self.about.channels,
                image.name,
                alpha=image.has_alpha,
            )

    def takes_whole(self, image: WindowedImage) -> bool:
        """Tells whether an image goes as one PNG."""
        # Other models have no signature for files.
        if self.about is not None and self.about.channels not in CHANNELS_OF_FILES:
            return False
        limit = None if self.about is None else self.about.pixel_limit
        small = limit is None or image.height * image.width <= limit
        return small and png_holds(ImageLayout.of(image, image.channels, image.dtype))

    def pinned(self) -> "Service":
        """Returns the same servers, which answer with one version from now on.

        Raises:
            ServerFailure: as of `ServerPool.pinned`, or they differ.
        """
        pool = self.pool.pinned()
        # Of the very version that answers.
        about = ask_about(pool)
        return Service(verified(pool, about), self.executor, about)

    def mask_windows(self, image: WindowedImage) -> Iterator[Window]:
        """Sends an image of any size as regions, all of them to one version.

        Yields:
            (top, left, mask): uint8 (height, width, 1), region by region.

        Raises:
            ValueError: no server answers, the image does not fit the model, or the
                model says nothing of itself.
        """
        one = self.pinned()
        if one.about is None:
            raise ValueError(
                f"{one.pool.servers[0].address.text}: the model has no signature "
                "about, without which no image can be cut into regions. Export it "
                "again."
            )
        matched = MatchedChannels(image, one.about.channels)
        regions = plan_regions(image.height, image.width, one.about)
        yield from mask_windows(one.pool, self.executor, matched, one.about, regions)

    def of_one_version(
        self, make: Callable[[], Result], *, repeatable: bool = True
    ) -> Result:
        """Returns what is made of several answers, which may be begun again once.

        It is where the version that they are of is unloaded in the middle: what was
        made by then is given up.

        Args:
            make: puts the answers of one version together.
            repeatable: it may be called again, as it may the first time.

        Raises:
            ServerFailure: no server answers, or serves the version of its address.
            ValueError: this image failed; as of `mask_windows`, or its version was
                unloaded.
        """
        try:
            return make()
        except ServerFailure as failure:
            versions = {server.address.version for server in self.pool.servers}
            # One that an address names is not replaced by another.
            if failure.kind is not Kind.GONE or versions != {None}:
                raise
            if not repeatable:
                raise ValueError(str(failure)) from failure
            _logger.warning("%s It is sent again now.", failure)
        return self.of_one_version(make, repeatable=False)


@contextlib.contextmanager
def at_work(pool: ServerPool) -> Iterator[Service]:
    """Lends a service, whose threads end with it.

    They are not waited for: after Ctrl-C a request may be under way for minutes.

    Raises:
        ServerFailure: no server answers, or they do not serve the same model.
    """
    about = ask_about(pool)
    workers = Workers(pool.num_requests)
    try:
        yield Service(verified(pool, about), workers, about)
    finally:
        workers.shutdown(wait=False, cancel_futures=True)
