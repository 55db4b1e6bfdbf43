"""The settings of a tile stream for a training of the user's own."""

import dataclasses

from pipelines.config.data import DataConfig
from pipelines.config.fields import setting
from pipelines.config.network import Variant
from pipelines.config.setting_checks import (
    check_choice,
    check_named_if_given,
    check_range,
)
from pipelines.config.stream import StreamConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class TilesConfig(StreamConfig, DataConfig):
    """Settings of `pipelines.tiles.training_tiles`."""

    tile_size: int | None = setting(
        None, "pixels of a tile's side; by default 256 (paper: 572)"
    )
    batch_size: int | None = setting(None, "tiles of a batch; by default 8 (paper: 1)")
    variant: Variant = setting("padded", "the net; paper: mask tiles are smaller")
    depth: int = setting(4, "number of poolings of the net, 1 to 6")
    seed: int = setting(0, "seed of places and changes")
    cache_gigabytes: float = setting(
        10.0, "most that decoded images and weight maps take on disk; 0: in memory"
    )
    cache_folder: str | None = setting(
        None, "where they are kept; by default a temporary folder of the process"
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        StreamConfig.__post_init__(self)
        DataConfig.__post_init__(self)
        check_choice(self, "variant", Variant)
        check_range(self, "tile_size", 1)
        check_range(self, "batch_size", 1)
        check_range(self, "depth", 1, 6)
        check_range(self, "seed", 0, 2**31 - 1)
        check_range(self, "cache_gigabytes", 0)
        check_named_if_given(self, "cache_folder")
