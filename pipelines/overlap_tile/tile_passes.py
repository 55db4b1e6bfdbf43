"""What the net does with one tile: one pass, or the mean of its 8 flips and turns."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from keras_unet import geometry
from pipelines.images import WindowedImage
from pipelines.mirroring import mirrored_window
from pipelines.overlap_tile.flip_average import TURNS
from pipelines.overlap_tile.overlap_tile import Net
from pipelines.overlap_tile.read_ahead import ahead
from pipelines.overlap_tile.tile_plan import TilePlan
from pipelines.results.layout import Window


@dataclasses.dataclass(frozen=True)
class _Side:
    """One side of the windows of a tile.

    A pass over the turned image has its pooling grid begin at the turned image's
    first pixel. Seen from the image itself, a flipped side has another phase, unless
    its size is a multiple of 2**depth: the flipped window begins `phase` pixels
    before the core, which costs one more step of the grid.

    Attributes:
        start: first pixel read, from the core's first pixel.
        size: pixels read.
        plain: what the net takes of them.
        flipped: what it takes of them, and then flips.
        plain_crop: where the core begins in the net's output.
        flipped_crop: the same for the flipped window.
        core: pixels kept.
    """

    start: int
    size: int
    plain: slice
    flipped: slice
    plain_crop: int
    flipped_crop: int
    core: int


def _side(size: int, side: geometry.TileSide, step: int, turned: bool) -> _Side:
    phase = size % step if turned else 0
    input_size = side.input_size + (step if phase else 0)
    plain = -side.before
    flipped = side.core + phase + side.before - input_size
    start = min(plain, flipped) if turned else plain
    return _Side(
        start=start,
        size=(max(plain, flipped) if turned else plain) + input_size - start,
        plain=slice(plain - start, plain - start + input_size),
        flipped=slice(flipped - start, flipped - start + input_size),
        plain_crop=side.crop,
        flipped_crop=side.crop + phase,
        core=side.core,
    )


def not_finite(name: str) -> ValueError:
    """Returns what is said of an image with pixels that are no numbers."""
    return ValueError(
        f"{name}: holds NaN or infinite pixels, which would spread over the whole "
        "image. Replace them with finite values."
    )


def too_large(name: str) -> ValueError:
    """Returns what is said of an image whose pixels float32 cannot hold."""
    return ValueError(
        f"{name}: holds pixel values beyond the range of float32. Divide them by a "
        "constant."
    )


class TilePass:
    """Computes the probabilities of the cores of tiles.

    With `flips`, the mean of the probabilities of the 8 passes over the whole image
    in each of its flips and quarter turns, turned back: exactly that, tile by tile.

    Args:
        net: the net.
        plan: of the tiles.
        flips: averages over the flips and turns.

    Attributes:
        plan: of the tiles.
    """

    def __init__(self, net: Net, plan: TilePlan, flips: bool = False) -> None:
        step = 2**net.depth
        self.plan = plan
        self._net = net
        self._rows = _side(plan.height, plan.rows, step, flips)
        self._columns = _side(plan.width, plan.columns, step, flips)
        self._turns = TURNS if flips else TURNS[:1]

    @property
    def read_pixels(self) -> int:
        """Pixels of the window that is read for a tile."""
        return self._rows.size * self._columns.size

    @property
    def input_pixels(self) -> int:
        """Pixels that the net takes at once."""
        sides = (self._rows.plain, self._columns.plain)
        return int(np.prod([side.stop - side.start for side in sides]))

    def read(self, image: WindowedImage, top: int, left: int) -> np.ndarray:
        """Reads what is needed for the core at (top, left), as float32.

        Raises:
            ValueError: pixels are NaN, infinite or beyond float32, or cannot be read.
        """
        rows, columns = self._rows, self._columns
        pixels = mirrored_window(
            image, top + rows.start, left + columns.start, rows.size, columns.size
        )
        with np.errstate(over="ignore"):
            cast = pixels.astype(np.float32)
        if pixels.dtype.kind == "f" and not np.isfinite(cast).all():
            if not np.isfinite(pixels).all():
                raise not_finite(image.name)
            raise too_large(image.name)
        return cast

    def probability(
        self, pixels: np.ndarray, mean: np.ndarray, std: np.ndarray
    ) -> np.ndarray:
        """Returns the probabilities of a core.

        Args:
            pixels: as `read` returns them.
            mean: float32 (channels,), of the whole image.
            std: float32 (channels,), of the whole image.

        Returns:
            float32 (rows of the core, columns of the core, output_channels).
        """
        first, *others = self._turns
        total = self._turned(pixels, mean, std, first)
        if not others:
            return total
        total = total.copy()
        for turn in others:
            total += self._turned(pixels, mean, std, turn)
        return total / len(self._turns)

    def _turned(
        self,
        pixels: np.ndarray,
        mean: np.ndarray,
        std: np.ndarray,
        turn: tuple[bool, ...],
    ) -> np.ndarray:
        flip_rows, flip_columns, transpose = turn
        crops = []
        for axis, (side, flip) in enumerate(
            ((self._rows, flip_rows), (self._columns, flip_columns))
        ):
            part = side.flipped if flip else side.plain
            pixels = pixels[(slice(None),) * axis + (part,)]
            pixels = np.flip(pixels, axis) if flip else pixels
            first = side.flipped_crop if flip else side.plain_crop
            crops.append(slice(first, first + side.core))
        if transpose:
            pixels = pixels.swapaxes(0, 1)
        result = self._net.tile_probability(np.ascontiguousarray(pixels), mean, std)
        if transpose:
            result = result.swapaxes(0, 1)
        result = result[crops[0], crops[1]]
        for axis, flip in enumerate((flip_rows, flip_columns)):
            result = np.flip(result, axis) if flip else result
        return result


def probability_windows(
    image: WindowedImage,
    tile_pass: TilePass,
    mean: np.ndarray,
    std: np.ndarray,
    skip: int = 0,
) -> Iterator[Window]:
    """Yields the probabilities of an image, core by core.

    The next tile is read while the net computes. Nothing of the image's size is held.

    Args:
        image: the image.
        tile_pass: computes a core.
        mean: float32 (channels,), of the whole image.
        std: float32 (channels,), of the whole image.
        skip: so many cores are left out, from the first on.

    Yields:
        (top, left, probabilities): float32 (height, width, output_channels), left to
        right and from top to bottom.

    Raises:
        ValueError: pixels are not finite, or cannot be read.
    """
    reads = (
        (region, tile_pass.read(image, region.top, region.left))
        for region in itertools.islice(tile_pass.plan.regions(), skip, None)
    )
    for (top, left, height, width), pixels in ahead(reads):
        kept = tile_pass.probability(pixels, mean, std)
        yield top, left, kept[:height, :width]
