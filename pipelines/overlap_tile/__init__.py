"""Overlap-tile prediction of images of any size."""

from pipelines.images.windowed import Region
from pipelines.overlap_tile.overlap_tile import Net
from pipelines.overlap_tile.tile_plan import LARGEST_CORE, TilePlan, plan_tiles

__all__ = ["LARGEST_CORE", "Net", "Region", "TilePlan", "plan_tiles"]
