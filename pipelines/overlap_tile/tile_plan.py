"""How an image is shared out in tiles."""

import dataclasses
from collections.abc import Iterator

from keras_unet import geometry
from pipelines.images.windowed import Region

# With its margins 704 pixels at depth 4: about 127 MB for each feature map of a net
# with 64 base filters, and most images of 512 pixels go in one piece.
LARGEST_CORE = 512


@dataclasses.dataclass(frozen=True)
class TilePlan:
    """The tiles of an image: how its rows and its columns are shared out.

    Attributes:
        height: of the image, pixels.
        width: of the image, pixels.
        rows: how its rows are shared out.
        columns: how its columns are.
    """

    height: int
    width: int
    rows: geometry.TileSide
    columns: geometry.TileSide

    @property
    def largest_core(self) -> int:
        """The most pixels of a side that a tile keeps; `plan_tiles` makes it again."""
        return int(max(self.rows.core, self.columns.core))

    @property
    def num_tiles(self) -> int:
        """Tiles of the whole image."""
        return int(self.rows.num_tiles * self.columns.num_tiles)

    def regions(self) -> Iterator[Region]:
        """Yields what each tile keeps of the image, row by row.

        Tops and lefts are multiples of 2**depth.
        """
        for top in range(0, self.height, self.rows.core):
            height = min(self.rows.core, self.height - top)
            for left in range(0, self.width, self.columns.core):
                width = min(self.columns.core, self.width - left)
                yield Region(top, left, height, width)


def plan_tiles(
    height: int, width: int, largest_core: int, depth: int, variant: str
) -> TilePlan:
    """Plans the tiles of an image; see `keras_unet.geometry.plan_side`."""
    rows, columns = (
        geometry.plan_side(size, largest_core, depth, variant)
        for size in (height, width)
    )
    return TilePlan(height, width, rows, columns)
