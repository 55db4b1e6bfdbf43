"""Segmentation scores on arrays."""

from pipelines.scores.pixels import (
    THRESHOLDS,
    ClassScores,
    ThresholdCounts,
    class_scores,
    confusion_matrix,
    mean_iou,
    pixel_error,
)

__all__ = [
    "THRESHOLDS",
    "ClassScores",
    "ThresholdCounts",
    "class_scores",
    "confusion_matrix",
    "mean_iou",
    "pixel_error",
]
