"""The tile stream: tile i is a function of (seed, i) alone."""

from pipelines.tiles.tiles import TileShape, tile_shape, tile_stream, training_tiles

__all__ = ["TileShape", "tile_shape", "tile_stream", "training_tiles"]
