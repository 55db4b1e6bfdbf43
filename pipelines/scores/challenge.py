"""The scores of the ISBI 2012 challenge on membranes between cells.

Source: Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation
algorithms for connectomics", Frontiers in Neuroanatomy 9:142, 2015. They compare two
partitions of the pixels inside the true cells, so that the width of the border between
the cells does not count, but every merger and split does.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from pipelines.scores import checks
from pipelines.scores.overlaps import objects, without_cuts
from pipelines.scores.partitions import counts_inside, information_of, rand_of

# Thresholds on P(inside) that are tried: 0.1, 0.15, ..., 0.95.
INSIDE_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 20))


def thin_borders(
    inside_probability: np.ndarray, threshold: float, valid: np.ndarray | None = None
) -> np.ndarray:
    """Divides an image into cells that touch: borders are thinned until they vanish.

    The connected components (4-neighbours) of P(inside) > threshold grow by watershed
    over 1 - P(inside).

    Args:
        inside_probability: floats from 0 to 1, (height, width).
        threshold: a pixel is inside when P(inside) > threshold.
        valid: bool, True where a pixel is scored. Nothing grows into ignored pixels.

    Returns:
        int32 (height, width): cells from 1 on, 0 where no cell can grow to.

    Raises:
        ValueError: what is scored is no probability, or the shapes differ.
    """
    scored = checks.scored_pixels(valid, inside_probability.shape)
    probability = checks.check_probability(
        "inside_probability", inside_probability, scored
    )
    return _grown(objects(probability > threshold, scored), probability, scored)


def _grown(
    cells: np.ndarray, inside_probability: np.ndarray, scored: np.ndarray
) -> np.ndarray:
    # Here, since scikit-image takes long to import and most users never come here.
    from skimage.segmentation import watershed

    if not cells.any():
        return cells
    # Cells grow from their rims: all their pixels would fill the queue for nothing.
    growing = ndimage.binary_dilation(cells == 0) & scored
    rims = np.where(growing, cells, 0)
    grown = watershed(1 - inside_probability, rims, mask=growing)
    return np.where(cells, cells, grown).astype(np.int32)


class ChallengeScores:
    """Scores of the challenge, added up image by image.

    At each threshold a score is the mean over the images; of these means the best is
    reported, so all images share one threshold, as in the challenge. Images without
    true cells are left out.
    """

    def __init__(
        self, inside: int = 1, thresholds: Sequence[float] = INSIDE_THRESHOLDS
    ) -> None:
        """Starts without images.

        Args:
            inside: the class of the inside of cells: 1, or 0 where the foreground is
                the membrane.
            thresholds: on P(inside).
        """
        self.thresholds = tuple(thresholds)
        self._inside = inside
        # V_rand, V_info and Rand score without thinning.
        self._sums = np.zeros((3, len(self.thresholds)))
        self._images = 0

    def add(
        self,
        y_true: np.ndarray,
        foreground_probability: np.ndarray,
        valid: np.ndarray | None = None,
        *,
        true_cells: np.ndarray | None = None,
    ) -> None:
        """Adds an image.

        Ignored pixels count as outside the image: a cell that they cut through is two,
        in truth and in prediction alike.

        Args:
            y_true: class ids 0 and 1, (height, width); other ids only where ignored.
            foreground_probability: P(class 1) from 0 to 1, of that shape.
            valid: bool, True where a pixel is scored.
            true_cells: numbers of the true cells, which may touch, 0 between them; by
                default the connected components of the inside.

        Raises:
            ValueError: the shapes differ, an id that is scored is neither 0 nor 1, or
                what is scored is no probability.
        """
        truth, probability = checks.inside_of(
            y_true, foreground_probability, self._inside, valid
        )
        scored = checks.scored_pixels(valid, truth.shape)
        if true_cells is None:
            cells = objects(truth, scored)
        else:
            checks.check_one_shape(y_true=y_true, true_cells=true_cells)
            cells, _ = without_cuts(true_cells, scored)
        found = np.array(
            [_scores(cells, probability, each, scored) for each in self.thresholds]
        )
        if not np.isnan(found).any():
            self._sums += found.T
            self._images += 1

    def v_rand(self) -> float:
        """Returns V_rand after border thinning, NaN without images."""
        return self._best(0)

    def v_info(self) -> float:
        """Returns V_info after border thinning, NaN without images."""
        return self._best(1)

    def rand_error(self) -> float:
        """Returns one minus the Rand F-score without thinning, NaN without images.

        The Rand error of the table in the U-Net paper: predicted borders are as wide
        as they are, and pixels on them are joined to no cell.
        """
        return 1 - self._best(2)

    def best_thresholds(self) -> dict[str, float]:
        """Returns the threshold of each score by its name; nothing without images."""
        names = ("v_rand", "v_info", "rand_error") if self._images else ()
        return {
            name: self.thresholds[self._sums[row].argmax()]
            for row, name in enumerate(names)
        }

    def _best(self, row: int) -> float:
        return self._sums[row].max() / self._images if self._images else float("nan")


def _scores(
    cells: np.ndarray, probability: np.ndarray, threshold: float, scored: np.ndarray
) -> tuple[float, float, float]:
    found = objects(probability > threshold, scored)
    thinned = counts_inside(cells, _grown(found, probability, scored), scored)
    bare = counts_inside(cells, found, scored)
    return rand_of(thinned), information_of(thinned), rand_of(bare)
