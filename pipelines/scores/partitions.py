"""How much two partitions of an image agree inside the true cells: V_rand, V_info.

Source: Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation
algorithms for connectomics", Frontiers in Neuroanatomy 9:142, 2015.
"""

from typing import NamedTuple

import numpy as np

from pipelines.scores import checks
from pipelines.scores.overlaps import overlap_table


def rand_score(
    true_cells: np.ndarray,
    predicted_cells: np.ndarray,
    valid: np.ndarray | None = None,
) -> float:
    """Returns the Rand F-score inside the true cells, V_rand.

    Of all pairs of pixels in one predicted cell, how many are in one true cell
    (precision: falls with mergers), and the other way round (recall: falls with
    splits); F = 2 pairs in both / (pairs of truth + pairs of prediction). It is one
    minus the adapted Rand error of scikit-image, and the V_rand of the challenge
    (alpha = 0.5) with pairs drawn without replacement.

    Args:
        true_cells: numbers of cells, (height, width); pixels of 0 are not scored.
        predicted_cells: numbers of cells. A pixel of 0 is in no pair: it counts as a
            cell of its own.
        valid: bool, True where a pixel is scored.

    Returns:
        From 0 to 1; NaN where no true cell has two pixels.
    """
    return rand_of(counts_inside(true_cells, predicted_cells, valid))


def information_score(
    true_cells: np.ndarray,
    predicted_cells: np.ndarray,
    valid: np.ndarray | None = None,
) -> float:
    """Returns the information-theoretic F-score inside the true cells, V_info.

    Two times the mutual information of truth and prediction, divided by the sum of
    their entropies; that is one minus the variation of information (both conditional
    entropies) divided by that sum.

    Args:
        true_cells: numbers of cells, (height, width); pixels of 0 are not scored.
        predicted_cells: numbers of cells. A pixel of 0 counts as a cell of its own.
        valid: bool, True where a pixel is scored.

    Returns:
        From 0 to 1; 1 where truth and prediction are both one cell; NaN where no true
        cell has two pixels, as in `rand_score`.
    """
    return information_of(counts_inside(true_cells, predicted_cells, valid))


class PixelCounts(NamedTuple):
    """Pixels inside true cells.

    Attributes:
        joint: by both cells, of those in a predicted cell; int64 (pairs,).
        true: by true cell.
        predicted: by predicted cell.
        alone: how many are in no predicted cell.
    """

    joint: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    alone: int


def counts_inside(
    true_cells: np.ndarray, predicted_cells: np.ndarray, valid: np.ndarray | None
) -> PixelCounts:
    """Counts the pixels inside true cells; for the arguments see `rand_score`."""
    checks.check_one_shape(true_cells=true_cells, predicted_cells=predicted_cells)
    scored = checks.scored_pixels(valid, true_cells.shape) & (true_cells != 0)
    table = overlap_table(true_cells, predicted_cells, scored)[1:]
    joint = table[:, 1:]
    alone = int(table[:, [0]].sum())
    return PixelCounts(joint.data, table.sum(axis=1), joint.sum(axis=0), alone)


def rand_of(counts: PixelCounts) -> float:
    """Returns V_rand of counts; see `rand_score`."""
    of_truth, of_prediction = _pairs(counts.true), _pairs(counts.predicted)
    if not of_truth:
        return float("nan")
    return 2 * _pairs(counts.joint) / (of_truth + of_prediction)


def information_of(counts: PixelCounts) -> float:
    """Returns V_info of counts; see `information_score`."""
    if not _pairs(counts.true):
        return float("nan")
    of_both = _entropy(counts.joint, counts.alone)
    total = _entropy(counts.true) + _entropy(counts.predicted, counts.alone)
    # Rounding may leave a negative zero.
    return max(0.0, 2 * (total - of_both) / total) if total else 1.0


def _pairs(counts: np.ndarray) -> float:
    """Returns how many pairs of pixels lie in one cell, twice."""
    counts = counts.astype(np.float64)
    return float((counts * (counts - 1)).sum())


def _entropy(counts: np.ndarray, alone: int = 0) -> float:
    """Returns the entropy in nats, with so many cells of a single pixel besides."""
    total = counts.sum() + alone
    shares = counts[counts > 0] / total
    of_one = alone / total * np.log(total)
    return float(of_one - (shares * np.log(shares)).sum())
