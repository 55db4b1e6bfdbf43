"""Segmentation scores on arrays; docs/scores.md explains each in a few sentences."""

from pipelines.scores.boundaries import (
    TOLERANCE,
    BoundaryCounts,
    SurfaceDistances,
    boundary,
    surface_distances,
)
from pipelines.scores.challenge import (
    INSIDE_THRESHOLDS,
    ChallengeScores,
    thin_borders,
)
from pipelines.scores.instances import (
    IOU_THRESHOLDS,
    InstanceCounts,
    Matches,
    match_objects,
)
from pipelines.scores.overlaps import objects, overlap_table, without_cuts
from pipelines.scores.partitions import information_score, rand_score
from pipelines.scores.pixels import (
    THRESHOLDS,
    ClassScores,
    ThresholdCounts,
    class_scores,
    confusion_matrix,
    mean_iou,
    mean_scores,
    pixel_error,
)
from pipelines.scores.reliability import ReliabilityCounts
from pipelines.scores.splitting import splits_and_mergers
from pipelines.scores.warping import WarpingCounts, warp

__all__ = [
    "INSIDE_THRESHOLDS",
    "IOU_THRESHOLDS",
    "THRESHOLDS",
    "TOLERANCE",
    "BoundaryCounts",
    "ChallengeScores",
    "ClassScores",
    "InstanceCounts",
    "Matches",
    "ReliabilityCounts",
    "SurfaceDistances",
    "ThresholdCounts",
    "WarpingCounts",
    "boundary",
    "class_scores",
    "confusion_matrix",
    "information_score",
    "match_objects",
    "mean_iou",
    "mean_scores",
    "objects",
    "overlap_table",
    "pixel_error",
    "rand_score",
    "splits_and_mergers",
    "surface_distances",
    "thin_borders",
    "warp",
    "without_cuts",
]
