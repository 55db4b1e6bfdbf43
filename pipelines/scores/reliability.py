"""Whether probabilities mean what they say: the reliability curve.

Of the pixels that are said to be foreground with a probability of 0.8, eight of ten
should be. Source: Niculescu-Mizil and Caruana, "Predicting good probabilities with
supervised learning", ICML 2005; the error is that of Guo et al., "On calibration of
modern neural networks", ICML 2017.
"""

import numpy as np

from pipelines.scores import checks
from pipelines.scores.pixels import ratio

BINS = 10


class ReliabilityCounts:
    """Pixels by their probability, added up image by image."""

    def __init__(self, bins: int = BINS) -> None:
        """Starts without images; bins are of one width, from 0 to 1."""
        self.pixels = np.zeros(bins, np.int64)
        self._probability = np.zeros(bins)
        self._came_true = np.zeros(bins, np.int64)

    def add(
        self,
        probability: np.ndarray,
        came_true: np.ndarray,
        valid: np.ndarray | None = None,
    ) -> None:
        """Adds pixels.

        Args:
            probability: of what is predicted, floats from 0 to 1 of any shape.
            came_true: bool of that shape, or integers of 0 and 1.
            valid: bool of that shape, False where a pixel is not scored; None: all are.

        Raises:
            ValueError: the shapes differ, what is scored is no probability, or
                came_true is no mask.
        """
        checks.check_same_shape(probability=probability, came_true=came_true)
        if valid is not None:
            scored = checks.scored_pixels(valid, probability.shape)
            probability, came_true = probability[scored], came_true[scored]
        came_true = checks.mask_of("came_true", came_true).ravel()
        probability = checks.check_probability("probability", probability)
        probability = probability.ravel().astype(np.float64)
        bins = len(self.pixels)
        # 1 belongs to the last bin.
        places = np.minimum((probability * bins).astype(np.int64), bins - 1)
        self.pixels += np.bincount(places, minlength=bins)
        self._probability += np.bincount(places, probability, minlength=bins)
        self._came_true += np.bincount(places[came_true], minlength=bins)

    def add_counts(self, other: "ReliabilityCounts") -> None:
        """Adds the pixels of another, of as many bins."""
        self.pixels += other.pixels
        self._probability += other._probability
        self._came_true += other._came_true

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean probability of each bin, and how often it came true.

        Each float64 (bins,), NaN for a bin without pixels.
        """
        return (
            ratio(self._probability, self.pixels),
            ratio(self._came_true, self.pixels),
        )

    def calibration_error(self) -> float:
        """Returns the mean over pixels of how far their bin is off; NaN without any."""
        said, seen = self.curve()
        filled = self.pixels > 0
        if not filled.any():
            return float("nan")
        off = np.abs(said - seen)[filled]
        return float(np.average(off, weights=self.pixels[filled]))
