"""Says which bound on the memory would save much of the work on an image.

Small tiles are mostly surroundings, which the net computes again for each of them.
"""

from collections.abc import Callable

from pipelines.config.byte_sizes import in_megabytes
from pipelines.overlap_tile.tile_passes import TilePass

# Bounds that are tried, in the order of their size.
GIGABYTES = (2, 3, 4, 6, 8, 12, 16)
# A smaller gain is not worth a line.
LEAST_GAIN = 2.0

# From a bound in bytes to the tiles that it allows.
Planner = Callable[[int], TilePass]


def memory_advice(
    name: str, planned: TilePass, budget: int, planner: Planner
) -> str | None:
    """Returns a sentence that names the least bound with half of the work, or None.

    Args:
        name: of the image.
        planned: its tiles.
        budget: the bound that allows them, bytes.
        planner: plans others.
    """
    if planned.plan.num_tiles == 1:
        return None
    work = _pixels(planned)
    for gigabytes in GIGABYTES:
        if gigabytes * 10**9 <= budget:
            continue
        gain = work / _pixels(planner(gigabytes * 10**9))
        if gain >= LEAST_GAIN:
            rows, columns = planned.plan.rows.core, planned.plan.columns.core
            share = rows * columns / planned.input_pixels
            return (
                f"{name}: memory {in_megabytes(budget)} allows tiles of {rows}x"
                f"{columns} pixels, {share:.1%} of what the net computes for each. "
                f"Memory {gigabytes}GB would be about {gain:.1f} times as fast."
            )
    return None


def _pixels(tile_pass: TilePass) -> int:
    """Returns the pixels that go through the net."""
    return tile_pass.plan.num_tiles * tile_pass.input_pixels
