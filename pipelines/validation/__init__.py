"""Scores of a net on held-out images, by overlap-tile prediction."""

from pipelines.validation.object_thresholds import (
    ObjectThresholds,
    own_threshold_of_objects,
    true_labels,
    true_objects,
)
from pipelines.validation.segmented import Parts, Picture, Segmented
from pipelines.validation.validation import (
    OF_ONE_IMAGE,
    OUT_OF_MEMORY,
    Validation,
    pictures_of,
    validate,
)

__all__ = [
    "OF_ONE_IMAGE",
    "OUT_OF_MEMORY",
    "ObjectThresholds",
    "Parts",
    "Picture",
    "Segmented",
    "Validation",
    "own_threshold_of_objects",
    "pictures_of",
    "true_labels",
    "true_objects",
    "validate",
]
