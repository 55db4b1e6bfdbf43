"""Scores of where borders lie, by class: boundary F1 and Hausdorff distance.

The boundary of a class is made of its pixels that share a side with a pixel of another
class. Neither the border of the image nor ignored pixels make a boundary, since nobody
knows how an object goes on there; ignored pixels are no part of one. Distances are
between centres of pixels, Euclidean, in pixels or in the units of `pixel_size`.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from pipelines.scores import checks
from pipelines.scores.pixels import ratio

# How far apart boundaries may lie and still count as found.
TOLERANCE = 2.0


@dataclasses.dataclass(frozen=True)
class SurfaceDistances:
    """Distances between the boundaries of a class in truth and prediction.

    Attributes:
        from_true: float64 (points,): from each boundary pixel of the truth to the
            nearest of the prediction.
        from_predicted: float64 (points,): from each boundary pixel of the prediction to
            the nearest of the truth.
        largest: diagonal of the image: what distances are where the other boundary is
            empty.
    """

    from_true: np.ndarray
    from_predicted: np.ndarray
    largest: float

    def hausdorff95(self) -> float:
        """Returns the larger of the 95th percentiles of both directions.

        A robust Hausdorff distance (Huttenlocher, Klanderman and Rucklidge, "Comparing
        images using the Hausdorff distance", IEEE PAMI 15(9), 1993), in the form of
        MONAI and of DeepMind's surface-distance. If one boundary is empty it is
        `largest`; NaN if both are.
        """
        parts = [part for part in (self.from_true, self.from_predicted) if part.size]
        return float(max((np.percentile(part, 95) for part in parts), default=np.nan))

    def mean(self) -> float:
        """Returns the average symmetric surface distance.

        The mean over the boundary pixels of both. If one boundary is empty it is
        `largest`; NaN if both are.
        """
        both = np.concatenate([self.from_true, self.from_predicted])
        return float(both.mean()) if both.size else float("nan")


def boundary(mask: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Returns the boundary pixels of a mask, bool (height, width).

    Args:
        mask: bool (height, width), True in the class.
        valid: bool, True where a pixel is scored.

    Raises:
        ValueError: an array is not bool, or the shapes differ.
    """
    checks.check_masks(mask=mask)
    scored = checks.scored_pixels(valid, mask.shape)
    deep = ndimage.binary_erosion(mask | ~scored, border_value=1)
    return mask & ~deep & scored


def surface_distances(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    valid: np.ndarray | None = None,
) -> SurfaceDistances:
    """Measures how far the boundaries of two masks are apart.

    Args:
        y_true: bool (height, width), True in the class.
        y_pred: bool, of that shape.
        pixel_size: height and width of a pixel, in any unit.
        valid: bool, True where a pixel is scored.

    Raises:
        ValueError: an array is not bool, or the shapes differ.
    """
    checks.check_masks(y_true=y_true, y_pred=y_pred)
    true, predicted = boundary(y_true, valid), boundary(y_pred, valid)
    largest = float(np.hypot(*(np.array(y_true.shape) * pixel_size)))
    return SurfaceDistances(
        _distances(true, predicted, pixel_size, largest),
        _distances(predicted, true, pixel_size, largest),
        largest,
    )


class BoundaryCounts:
    """Boundary scores by class, added up image by image."""

    def __init__(self, num_classes: int) -> None:
        """Starts without images.

        Args:
            num_classes: classes with the background.
        """
        # Boundary pixels of truth and prediction: all, and those found in the other.
        self._points = np.zeros((2, num_classes), np.int64)
        self._found = np.zeros((2, num_classes), np.int64)
        self._hausdorff = np.zeros(num_classes)
        self._images = np.zeros(num_classes, np.int64)

    def add(
        self,
        y_true: np.ndarray,
        y_pred: np.ndarray,
        valid: np.ndarray | None = None,
        *,
        tolerance: float = TOLERANCE,
        pixel_size: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Adds an image.

        Args:
            y_true: class ids (height, width).
            y_pred: class ids of that shape.
            valid: bool, True where a pixel is scored.
            tolerance: how far apart boundaries may lie and still count as found, in
                pixels, or in the units of `pixel_size`.
            pixel_size: height and width of a pixel, in any unit, the same for all
                images.

        Raises:
            ValueError: the shapes differ, or an id that is scored is of no class, or no
                integer.
        """
        checks.check_one_shape(y_true=y_true, y_pred=y_pred)
        scored = checks.scored_pixels(valid, y_true.shape)
        checks.check_class_ids(len(self._images), scored, y_true=y_true, y_pred=y_pred)
        for index in range(len(self._images)):
            found = surface_distances(
                y_true == index, y_pred == index, pixel_size, scored
            )
            for side, part in enumerate((found.from_true, found.from_predicted)):
                self._points[side, index] += part.size
                # Where the other boundary is empty nothing is found, however wide the
                # tolerance.
                near = (part <= tolerance) & (part < found.largest)
                self._found[side, index] += np.count_nonzero(near)
            if found.from_true.size or found.from_predicted.size:
                self._hausdorff[index] += found.hausdorff95()
                self._images[index] += 1

    def boundary_f1(self) -> np.ndarray:
        """Returns the boundary F1, float64 (num_classes,).

        Precision is the share of predicted boundary pixels within the tolerance of a
        true one, recall the share of true ones within that of a predicted one, over all
        images; F1 their harmonic mean (Csurka et al., "What is a good evaluation
        measure for semantic segmentation?", BMVC 2013, there by image and with a
        tolerance of 0.75 % of the diagonal). 0 where one side has no boundary, NaN
        where both have none.
        """
        recall, precision = ratio(self._found, self._points)
        missing = self._points.min(axis=0) == 0
        recall, precision = np.where(missing, 0, [recall, precision])
        f1 = ratio(2 * precision * recall, precision + recall)
        f1 = np.where(precision + recall > 0, f1, 0)
        return np.where(self._points.any(axis=0), f1, np.nan)

    def hausdorff95(self) -> np.ndarray:
        """Returns the mean over images of the 95 % Hausdorff distance, by class.

        An image in which only truth or only prediction has a boundary counts with its
        diagonal, as in the BraTS challenge; one in which neither has is left out. NaN
        if that leaves none. float64 (num_classes,), in pixels or units of `pixel_size`.
        """
        return ratio(self._hausdorff, self._images)


def _distances(
    of: np.ndarray, to: np.ndarray, pixel_size: tuple[float, float], largest: float
) -> np.ndarray:
    if not to.any():
        return np.full(np.count_nonzero(of), largest)
    return ndimage.distance_transform_edt(~to, sampling=pixel_size)[of]
