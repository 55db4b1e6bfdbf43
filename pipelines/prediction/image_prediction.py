"""One image through the net: opened, planned within the memory, written by windows."""

import contextlib
import dataclasses
import functools
import logging
import pathlib
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator

import numpy as np

from pipelines.dataset.no_data import NoData
from pipelines.images import (
    ArrayCache,
    ImageEntry,
    WindowedImage,
    open_image,
)
from pipelines.images.derived import MatchedChannels
from pipelines.images.reading import check_channels
from pipelines.overlap_tile import Net
from pipelines.overlap_tile.read_ahead import ahead
from pipelines.overlap_tile.tile_passes import TilePass, probability_windows
from pipelines.prediction.image_statistics import statistics_of
from pipelines.prediction.instance_windows import band_bytes, instance_windows
from pipelines.prediction.kept_windows import KeptWindows
from pipelines.prediction.memory_advice import Planner, memory_advice
from pipelines.prediction.memory_plan import Demand, MemoryModel, largest_plan
from pipelines.prediction.output_values import OutputValues
from pipelines.results.layout import ImageLayout, ImageToWrite, Window

logger = logging.getLogger(__name__)

# Images that are not read in parts are decoded into memory up to here, else to disk.
MOST_DECODED_BYTES = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class ImagePredictor:
    """A net at work, and how.

    Attributes:
        net: the net.
        values: what is written for a pixel.
        scaling: of the pixels.
        memory: what the process takes.
        budget: bytes that it may take.
        flips: averages over flips and turns.
        smallest_object: pixels; smaller ones get no number.
        no_data: what was found of it, in the images so far.
        lost_digits: what is to be said of them, in the images so far.
        advised: what was said of the memory.
    """

    net: Net
    values: OutputValues
    scaling: str
    memory: MemoryModel
    budget: int
    flips: bool
    smallest_object: int = 1
    no_data: list[NoData] = dataclasses.field(default_factory=list)
    lost_digits: list[str] = dataclasses.field(default_factory=list)
    advised: list[str] = dataclasses.field(default_factory=list)
    _advising: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def layout(self, image: WindowedImage) -> ImageLayout:
        """Returns what is written for an image.

        Raises:
            ValueError: the net takes other channels.
        """
        check_channels(
            image.channels, self.net.channels, image.name, alpha=image.has_alpha
        )
        layout = ImageLayout.of(image, self.values.channels, self.values.dtype)
        return dataclasses.replace(
            layout, averaged=self.values.averaged, georeference=image.georeference
        )

    def images(
        self,
        entries: Iterable[ImageEntry],
        advance: Callable[[int], object],
        folder: pathlib.Path | None = None,
        kept: KeptWindows | None = None,
        *,
        whole: bool = False,
        files_at_once: int = 1,
    ) -> Generator[ImageToWrite, None, None]:
        """Yields results to be written, each while its image is open.

        Args:
            entries: the images.
            advance: is called with a number of pixels when they are done.
            folder: of files that have no name, for objects that are not yet numbered;
                None for that of the system.
            kept: keeps the windows of large images; None keeps none.
            whole: the writer holds a result whole, twice: as pixels and as a file.
            files_at_once: results of about that size that are written at once.

        Raises:
            ValueError: an image cannot be read, does not fit the net, or the memory
                does not do; names the image.
        """
        for page, entry in enumerate(entries):
            # Of each image what was decoded to disk goes when it is done.
            with (
                tempfile.TemporaryDirectory() as decoded,
                self._opened(entry, decoded) as image,
            ):
                layout = self.layout(image)
                windows = ahead(
                    self._windows(image, layout, page, kept, whole, files_at_once)
                )
                with contextlib.closing(windows):
                    counted = _counted(windows, advance)
                    yield ImageToWrite(layout, self._numbered(layout, counted, folder))

    def _opened(self, entry: ImageEntry, folder: str) -> WindowedImage:
        image = open_image(entry)
        if image.num_bytes <= MOST_DECODED_BYTES:
            return image
        image.close()
        # It serves formats only that are not read in parts.
        return open_image(entry, ArrayCache(folder, 2**62))

    def _windows(
        self,
        image: WindowedImage,
        layout: ImageLayout,
        page: int,
        kept: KeptWindows | None,
        whole: bool,
        files_at_once: int,
    ) -> Iterator[Window]:
        begun = None if kept is None else kept.begun(page, self._encoded_layout(layout))
        held = min(image.num_bytes, MOST_DECODED_BYTES)
        if self.values.numbered:
            held += band_bytes(layout, rim=self.values.rim is not None)
        demand = Demand(layout, held, whole, files_at_once, image.decoding_bytes)
        planner = functools.partial(
            largest_plan, self.net, self.memory, demand, flips=self.flips, begun=begun
        )
        tile_pass = planner(self.budget)
        self._advise(image.name, tile_pass, planner)
        source = MatchedChannels(image, self.net.channels)
        mean, std, no_data, doubt = statistics_of(
            image, self.net.channels, self.scaling
        )
        if no_data is not None:
            self.no_data.append(no_data)
        if doubt is not None:
            self.lost_digits.append(f"{image.name}: {doubt}")

        def encoded(skip: int) -> Iterator[Window]:
            for top, left, probability in probability_windows(
                source, tile_pass, mean, std, skip
            ):
                yield top, left, self.values.encode(probability)

        if kept is None:
            yield from encoded(0)
        else:
            written = self._encoded_layout(layout)
            yield from kept.through(page, tile_pass.plan, written, encoded)

    def _advise(self, name: str, planned: TilePass, planner: Planner) -> None:
        """Says once if more memory would save much time."""
        with self._advising:
            if self.advised:
                return
            advice = memory_advice(name, planned, self.budget, planner)
            if advice is not None:
                self.advised.append(advice)
                logger.warning("%s", advice)

    def _encoded_layout(self, layout: ImageLayout) -> ImageLayout:
        """Returns the layout of what `values` encode: objects come of masks."""
        if not self.values.numbered:
            return layout
        return dataclasses.replace(layout, dtype=np.dtype(np.uint8))

    def _numbered(
        self,
        layout: ImageLayout,
        windows: Iterable[Window],
        folder: pathlib.Path | None,
    ) -> Iterable[Window]:
        if not self.values.numbered:
            return windows
        mask = ImageToWrite(self._encoded_layout(layout), windows)
        return instance_windows(
            mask, folder, smallest=self.smallest_object, rim=self.values.rim
        )


def _counted(
    windows: Iterable[Window], advance: Callable[[int], object]
) -> Iterator[Window]:
    for top, left, pixels in windows:
        yield top, left, pixels
        advance(pixels.shape[0] * pixels.shape[1])
