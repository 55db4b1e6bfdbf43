"""The settings of the network."""

import dataclasses
from typing import Literal

from pipelines.config.fields import setting
from pipelines.config.setting_checks import Settings

Variant = Literal["padded", "paper"]
# Masks are uint8, and 255 is often the value of pixels to be ignored.
MAX_CLASSES = 255


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig(Settings):
    """Which network, and what it puts out."""

    variant: Variant = setting("padded", "the padded net, or the 2015 paper's")
    num_classes: int | None = setting(
        None,
        "channels out; by default from the masks (paper: at least 2)",
        least=1,
        most=MAX_CLASSES,
    )
    batch_norm: bool | None = setting(
        None, "batch normalisation; by default in the padded net only"
    )
    dropout: float | None = setting(
        None,
        "share dropped at the bottom; by default 0.5 in the paper net only",
        least=0,
        most=0.99,
    )
