"""Scores of objects one by one, for objects that touch.

Average precision is TP / (TP + FP + FN), as StarDist reports it (Schmidt et al., "Cell
Detection with Star-Convex Polygons", MICCAI 2018): a true and a predicted object match
(TP) when their IoU reaches a threshold, each at most once; predicted objects without a
match are FP, true ones FN. Counts are added up over images, then divided once. The Data
Science Bowl 2018 took the same ratio, but of each image, with IoU above the threshold,
and ranked by means over thresholds (to 0.95) and images.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from pipelines.scores.overlaps import overlap_table

# On the IoU: 0.5, 0.55, ..., 0.9.
IOU_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(10, 19))


@dataclasses.dataclass(frozen=True)
class Matches:
    """Objects of one image or set that match at an IoU threshold.

    Attributes:
        matched: true positives: pairs of a true and a predicted object.
        num_true: true objects.
        num_predicted: predicted objects.
        iou_sum: sum of the IoU over the pairs.
    """

    matched: int = 0
    num_true: int = 0
    num_predicted: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: "Matches") -> "Matches":
        """Returns the matches of both."""
        return Matches(
            self.matched + other.matched,
            self.num_true + other.num_true,
            self.num_predicted + other.num_predicted,
            self.iou_sum + other.iou_sum,
        )

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN); NaN without any object."""
        return _ratio(self.matched, self.num_true + self.num_predicted - self.matched)

    @property
    def mean_matched_iou(self) -> float:
        """Mean IoU of the pairs, segmentation quality; NaN without pairs."""
        return _ratio(self.iou_sum, self.matched)

    @property
    def panoptic_quality(self) -> float:
        """Sum of IoU / (TP + FP / 2 + FN / 2); NaN without any object.

        Source: Kirillov et al., "Panoptic Segmentation", CVPR 2019, equation 1.
        """
        return _ratio(self.iou_sum, (self.num_true + self.num_predicted) / 2)


def match_objects(
    true_labels: np.ndarray,
    predicted_labels: np.ndarray,
    threshold: float = 0.5,
    valid: np.ndarray | None = None,
) -> Matches:
    """Matches the objects of two label images one to one.

    As many pairs as possible are made of objects whose IoU is at least the threshold.

    Args:
        true_labels: numbers of objects, integers (height, width), 0 for the
            background; with gaps or not.
        predicted_labels: the same of the prediction; `objects` makes one of a mask.
        threshold: on the IoU, at least 0.5. Lower ones would ask for the best of many
            matchings; from 0.5 on there is but one (or equal ones).
        valid: bool, True where a pixel is scored. Ignored pixels belong to no object;
            objects that have no other pixel do not count.

    Raises:
        ValueError: the shapes differ, labels are no integers from 0 on, or the
            threshold is below 0.5.
    """
    return _match(overlap_table(true_labels, predicted_labels, valid), threshold)


class InstanceCounts:
    """Matches of objects at several IoU thresholds, added up image by image."""

    def __init__(self, thresholds: Sequence[float] = IOU_THRESHOLDS) -> None:
        """Starts without images; thresholds are on the IoU, each at least 0.5."""
        self.matches = {threshold: Matches() for threshold in thresholds}

    def add(
        self,
        true_labels: np.ndarray,
        predicted_labels: np.ndarray,
        valid: np.ndarray | None = None,
    ) -> None:
        """Adds an image; for the arguments see `match_objects`."""
        table = overlap_table(true_labels, predicted_labels, valid)
        for threshold, matches in self.matches.items():
            self.matches[threshold] = matches + _match(table, threshold)

    def average_precision(self) -> dict[str, float]:
        """Returns TP / (TP + FP + FN) by threshold: "0.5", "0.55" and so on."""
        return {
            f"{threshold:g}": matches.average_precision
            for threshold, matches in self.matches.items()
        }


def _match(table: sparse.csr_array, threshold: float) -> Matches:
    if threshold < 0.5:
        raise ValueError(
            f"The threshold on the IoU must be at least 0.5, got {threshold:g}."
        )
    num_true, num_predicted = table.shape[0] - 1, table.shape[1] - 1
    true, predicted = table.sum(axis=1), table.sum(axis=0)
    common = table[1:, 1:].tocoo()
    rows, columns = common.coords
    iou = common.data / (true[1:][rows] + predicted[1:][columns] - common.data)
    near = iou >= threshold
    rows, columns, iou = rows[near], columns[near], iou[near]
    graph = sparse.csr_array(
        (iou, (rows, columns)), shape=(num_true, num_predicted), dtype=np.float64
    )
    partner = _partners(graph)
    matched = partner[rows] == columns
    # An object that has more than one candidate has them at an IoU of exactly 0.5, so
    # whichever it gets adds as much to the sum.
    return Matches(
        int(matched.sum()), num_true, num_predicted, float(iou[matched].sum())
    )


def _partners(graph: sparse.csr_array) -> np.ndarray:
    """Returns for each row the column that it is matched with, or -1."""
    if not graph.nnz:
        return np.full(graph.shape[0], -1)
    return csgraph.maximum_bipartite_matching(graph, perm_type="column")


def _ratio(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else float("nan")
