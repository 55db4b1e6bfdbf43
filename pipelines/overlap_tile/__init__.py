"""Overlap-tile prediction of images of any size."""

from pipelines.overlap_tile.overlap_tile import (
    LARGEST_CORE,
    Net,
    TilePlan,
    net_geometry,
    plan_tiles,
)

__all__ = ["LARGEST_CORE", "Net", "TilePlan", "net_geometry", "plan_tiles"]
