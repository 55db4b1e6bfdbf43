"""The settings of `check`."""

import dataclasses

from pipelines.config.data import DataConfig, HoldOutConfig
from pipelines.config.fields import FILE, LARGEST_SEED, setting
from pipelines.config.stream import StreamConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckConfig(StreamConfig, HoldOutConfig, DataConfig):
    """Settings of `check`: those of `fit` on data, so that it sees the same."""

    json: str | None = setting(None, "file to write the findings to", FILE)
    preview: str | None = setting(
        None, "PNG file to draw augmented tiles, mask outlines and weight maps to", FILE
    )
    tile_size: int = setting(256, "pixels of a preview tile's side", least=8, most=4096)
    seed: int = setting(
        0, "seed of the preview's tiles and augmentation", least=0, most=LARGEST_SEED
    )
