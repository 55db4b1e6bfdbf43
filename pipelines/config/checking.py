"""The settings of `check`."""

import dataclasses

from pipelines.config.data import DataConfig, HoldOutConfig
from pipelines.config.fields import FILE, setting
from pipelines.config.setting_checks import check_named_if_given, check_range
from pipelines.config.stream import StreamConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckConfig(StreamConfig, HoldOutConfig, DataConfig):
    """Settings of `check`: those of `fit` on data, so that it sees the same."""

    json: str | None = setting(None, "file to write the findings to", FILE)
    preview: str | None = setting(
        None, "PNG file to draw augmented tiles, mask outlines and weight maps to", FILE
    )
    tile_size: int = setting(256, "pixels of a preview tile's side")
    seed: int = setting(0, "seed of the preview's tiles and augmentation")

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        StreamConfig.__post_init__(self)
        DataConfig.__post_init__(self)
        HoldOutConfig.__post_init__(self)
        check_named_if_given(self, "json", "preview")
        check_range(self, "tile_size", 8, 4096)
        check_range(self, "seed", 0, 2**31 - 1)
