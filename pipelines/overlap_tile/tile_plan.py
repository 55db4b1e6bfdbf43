"""How an image is shared out in tiles, and what a part of it is."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

from keras_unet import geometry

# With its margins 704 pixels at depth 4: about 127 MB for each feature map of a net
# with 64 base filters, and most images of 512 pixels go in one piece.
LARGEST_CORE = 512


@dataclasses.dataclass(frozen=True)
class TilePlan:
    """The tiles of an image: how its rows and its columns are shared out."""

    rows: geometry.TileSide
    columns: geometry.TileSide

    @property
    def input_pixels(self) -> int:
        """Pixels that the net takes at once."""
        return int(self.rows.input_size * self.columns.input_size)

    @property
    def largest_core(self) -> int:
        """The most pixels of a side that a tile keeps; `plan_tiles` makes it again."""
        return int(max(self.rows.core, self.columns.core))

    @property
    def num_tiles(self) -> int:
        """Tiles of the whole image."""
        return int(self.rows.num_tiles * self.columns.num_tiles)

    def origins(self) -> Iterator[tuple[int, int]]:
        """Yields (top, left) of the cores, row by row."""
        for row in range(self.rows.num_tiles):
            for column in range(self.columns.num_tiles):
                yield row * self.rows.core, column * self.columns.core


class Region(NamedTuple):
    """A part of an image whose first pixel lies on the pooling grid.

    Attributes:
        top: its first row, a multiple of 2**depth.
        left: its first column, likewise.
        height: rows, all of them in the image.
        width: columns.
    """

    top: int
    left: int
    height: int
    width: int

    def holds(self, row: int, column: int) -> bool:
        """Tells whether a pixel of the image lies in it."""
        below, right = row - self.top, column - self.left
        return 0 <= below < self.height and 0 <= right < self.width


def plan_tiles(
    height: int, width: int, largest_core: int, depth: int, variant: str
) -> TilePlan:
    """Plans the tiles of an image; see `keras_unet.geometry.plan_side`."""
    rows, columns = (
        geometry.plan_side(size, largest_core, depth, variant)
        for size in (height, width)
    )
    return TilePlan(rows, columns)
