"""Random changes of training tiles: pure functions of (tensor, seed, strength).

A seed is a tensor int32 (2,). All geometric changes together are one map of coordinates
(`coordinates`), by which image, mask and weights are read once (`sampling`); changes of
pixel values are in `intensity`.
"""

from pipelines.augment.augmentation import Augmentation, default_elastic
from pipelines.augment.coordinates import halo, tile_places
from pipelines.augment.intensity import change_intensity
from pipelines.augment.sampling import (
    sample_bilinear,
    sample_nearest,
    sample_windows,
)

__all__ = [
    "Augmentation",
    "change_intensity",
    "default_elastic",
    "halo",
    "sample_bilinear",
    "sample_nearest",
    "sample_windows",
    "tile_places",
]
