"""The largest tile that a bound on the memory of the whole process allows.

The peak is what the process holds before its first tile (TensorFlow, the model), which
is measured, plus what a tile takes, which is foreseen: feature maps that live at once,
windows that are read ahead and results that wait to be written.
"""

import dataclasses
import pathlib
import resource
import sys

import numpy as np

from keras_unet import geometry
from pipelines.config.byte_sizes import in_megabytes
from pipelines.overlap_tile import Net, plan_tiles
from pipelines.overlap_tile.tile_passes import TilePass
from pipelines.results.layout import TILE_SIDE, ImageLayout

# Measured with benchmarks/prediction_memory.py: the last decoder stage has the skip,
# the upsampled and the joined map and a result at once, five maps of the first stage;
# the rest are images, logits and what oneDNN puts aside.
LIVE_MAPS = 5.0
OTHER_BYTES_PER_PIXEL = 140
# Tensors that live at once for each channel out: logits, probabilities, their parts.
LIVE_OUTPUTS = 4
# TensorFlow's allocator leaves gaps.
SAFETY = 1.08
# A plan that was within the bound in one process is in the next, if it goes on.
RESUME_SLACK = 1.05
# Decoded parts of files (64 MiB) and blocks that are added up for the statistics.
READER_BYTES = 112 * 2**20
# Where the user gives no bound: enough for tiles of a good size in a process of its
# own; and what a process that has trained before may take beyond what it holds.
DEFAULT_BYTES = 1500 * 10**6
DEFAULT_BEYOND = 500 * 10**6
# One window is read, one waits, one is computed; results alike.
WAITING = 3


class TooLittleMemory(ValueError):
    """Not even the smallest tiles fit; says what would do."""


@dataclasses.dataclass(frozen=True)
class Demand:
    """What is written of an image, and what that takes whatever the tiles are.

    Attributes:
        layout: what is written; as high and wide as the image.
        held: bytes that the image, and labelling its objects, take.
        whole: the result is held whole, as pixels and as a file, like a PNG.
        files_at_once: such files that are worked on at once; the net computes one tile
            at a time.
        decoding: bytes that the image takes before its first tile, where it is decoded
            as a whole.
    """

    layout: ImageLayout
    held: int = 0
    whole: bool = False
    files_at_once: int = 1
    decoding: int = 0


@dataclasses.dataclass(frozen=True)
class MemoryModel:
    """What a net takes.

    Attributes:
        resident: bytes of the process before its first tile.
        base_filters: of the net.
        channels: of its images.
        output_channels: of its logits.
        feature_bytes: of a number of its features.
    """

    resident: int
    base_filters: int
    channels: int
    output_channels: int
    feature_bytes: int = 4

    @classmethod
    def of_warm(cls, net: Net) -> "MemoryModel":
        """Computes the smallest tile, then measures what the process holds."""
        size = geometry.least_input_size(net.depth, net.variant)
        nothing = np.zeros(net.channels, np.float32)
        pixels = np.zeros((size, size, net.channels), np.float32)
        net.tile_probability(pixels, nothing, nothing + 1)
        return cls(
            resident_bytes(),
            net.base_filters,
            net.channels,
            net.output_channels,
            net.feature_bytes,
        )

    @property
    def default_budget(self) -> int:
        """The bytes that the process may take where the user does not say."""
        return max(DEFAULT_BYTES, self.resident + DEFAULT_BEYOND)

    def peak(self, tile_pass: TilePass, demand: Demand) -> int:
        """Foresees the peak of the process in bytes.

        Args:
            tile_pass: what is computed of a tile.
            demand: what is written.
        """
        maps = LIVE_MAPS * self.base_filters
        net = self.feature_bytes * maps + OTHER_BYTES_PER_PIXEL
        net += 4 * LIVE_OUTPUTS * (self.output_channels + self.channels)
        tile = net * tile_pass.input_pixels * SAFETY
        reads = WAITING * 4 * self.channels * tile_pass.read_pixels
        rows, columns = tile_pass.plan.rows.core, tile_pass.plan.columns.core
        layout = demand.layout
        pixel_bytes = layout.channels * layout.dtype.itemsize
        results = rows * columns * (WAITING * pixel_bytes + 8 * self.output_channels)
        # Rows of tiles that become rows of tiles of the file, and a smaller level.
        bands = (rows + 3 * TILE_SIDE) * layout.row_bytes
        twice = 2 * layout.num_bytes
        written = twice if demand.whole else min(bands, twice)
        file = reads + results + demand.held + written
        return int(self.resident + READER_BYTES + tile + demand.files_at_once * file)


def largest_plan(
    net: Net,
    model: MemoryModel,
    demand: Demand,
    budget: int,
    *,
    flips: bool = False,
    begun: int | None = None,
) -> TilePass:
    """Plans the largest tiles of which the peak stays within a bound.

    The whole image is one tile where it fits.

    Args:
        net: the net.
        model: what it takes.
        demand: what is written.
        budget: bytes that the process may take.
        flips: averages over flips and turns.
        begun: largest core of tiles that are done already: taken again if it fits
            about, for what the process holds is not quite the same each time.

    Returns:
        What is computed of a tile, with the plan of all.

    Raises:
        TooLittleMemory: the image cannot be decoded, or not even the smallest tiles
            fit; says what would do.
    """
    step, height, width = 2**net.depth, demand.layout.height, demand.layout.width

    def tiles(steps: int) -> TilePass:
        plan = plan_tiles(height, width, steps * step, net.depth, net.variant)
        return TilePass(net, plan, flips)

    def peak(steps: int) -> int:
        return model.peak(tiles(steps), demand)

    decoding = model.resident + READER_BYTES + demand.decoding
    if demand.decoding and decoding > budget:
        raise TooLittleMemory(
            f"memory is {in_megabytes(budget)}, but to decode this image takes "
            f"{in_megabytes(decoding)}, for its file is not read in parts. Give it "
            "that, or save it as tiled TIFF or Zarr."
        )
    if begun is not None and begun % step == 0 and begun > 0:
        if peak(begun // step) <= budget * RESUME_SLACK:
            return tiles(begun // step)
    most = -(-max(height, width) // step)
    if peak(most) <= budget:
        return tiles(most)
    fits, too_large = 0, most
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        if peak(middle) <= budget:
            fits = middle
        else:
            too_large = middle
    if fits:
        return tiles(fits)
    of_png = " and its PNG, which is held whole (a TIFF is not)" if demand.whole else ""
    raise TooLittleMemory(
        f"memory is {in_megabytes(budget)}, but this net takes at least "
        f"{in_megabytes(peak(1))} for the smallest tiles of this image{of_png}. Give "
        "it that, or better half as much again: small tiles are slow."
    )


def resident_bytes() -> int:
    """Returns the memory that the process holds now; where unknown, its peak."""
    statistics = pathlib.Path("/proc/self/statm")
    if statistics.exists():
        pages = int(statistics.read_text().split()[1])
        return pages * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
