"""A net and the settings that it is served with."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from pipelines.overlap_tile import LARGEST_CORE


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServedNet:
    """What the signatures are made of.

    Attributes:
        tile_logits: the net, from float32 (1, rows, columns, channels) to logits.
        depth: number of poolings.
        variant: "paper" or "padded".
        channels: of the images.
        output_channels: of the logits.
        threshold: on P(foreground), for one or two channels.
        pixel_limit: the most pixels of an image.
        pixel_type: None to scale each image by its own statistics; or, to scale by the
            largest value of a type, that of the training images. Files and integers
            are scaled by their own type.
        largest_core: the most pixels of a side that one tile keeps.
    """

    tile_logits: Callable[[tf.Tensor], tf.Tensor]
    depth: int
    variant: str
    channels: int
    output_channels: int
    threshold: float | None
    pixel_limit: int
    pixel_type: str | None = None
    largest_core: int = LARGEST_CORE

    @property
    def scaling(self) -> str:
        """How images are scaled: "per_image" or "dtype"."""
        return "per_image" if self.pixel_type is None else "dtype"
