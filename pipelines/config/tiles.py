"""The settings of a tile stream for a training of the user's own."""

import dataclasses

from pipelines.config.data import DataConfig
from pipelines.config.fields import FOLDER, LARGEST_SEED, setting
from pipelines.config.network import Variant
from pipelines.config.stream import StreamConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class TilesConfig(StreamConfig, DataConfig):
    """Settings of `pipelines.tiles.training_tiles`."""

    tile_size: int | None = setting(
        None, "pixels of a tile's side; by default 256 (paper: 572)", least=1
    )
    batch_size: int | None = setting(
        None, "tiles of a batch; by default 8 (paper: 1)", least=1
    )
    variant: Variant = setting("padded", "the net; paper: mask tiles are smaller")
    depth: int = setting(4, "number of poolings of the net", least=1, most=6)
    seed: int = setting(0, "seed of places and changes", least=0, most=LARGEST_SEED)
    cache_gigabytes: float = setting(
        10.0,
        "most disk for decoded images and weight maps; 0: in memory",
        least=0,
    )
    cache_folder: str | None = setting(
        None,
        "where they are kept; by default a temporary folder of the process",
        FOLDER,
    )
