"""A net that answers with the mean over an image's flips and quarter turns."""

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines import decision
from pipelines.overlap_tile.overlap_tile import Net
from pipelines.overlap_tile.tile_plan import LARGEST_CORE

# Rows flipped, columns flipped, then the two axes exchanged.
TURNS = tuple(itertools.product((False, True), repeat=3))
# Below what float32 tells from 1.
_SMALLEST = 1e-7


class FlipAverage(Net):
    """A net whose probabilities are the mean of 8 passes over the turned image.

    Those of `predict --flips`: each pass is over the whole image in one of its flips
    and quarter turns, turned back.

    Args:
        model: made by `keras_unet.build_unet` with `activation=None`.
    """

    def logits(self, image: np.ndarray, largest_core: int = LARGEST_CORE) -> np.ndarray:
        """Returns the logits of the mean probabilities of a whole scaled image."""
        mean = np.clip(self.probability(image, largest_core), _SMALLEST, 1 - _SMALLEST)
        log_odds = np.log(mean)
        return log_odds - np.log1p(-mean) if mean.shape[-1] == 1 else log_odds

    def region_logits(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Averages whole images only."""
        raise NotImplementedError("FlipAverage takes whole images, not their regions.")

    def tile_probability(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Averages whole images only."""
        raise NotImplementedError("FlipAverage takes whole images, not their tiles.")

    def probability(
        self, image: np.ndarray, largest_core: int = LARGEST_CORE
    ) -> np.ndarray:
        """Returns the mean of the probabilities over the 8 flips and turns."""
        total: np.ndarray | float = 0.0
        for flip_rows, flip_columns, transpose in TURNS:
            flips = enumerate((flip_rows, flip_columns))
            flipped = tuple(axis for axis, flip in flips if flip)
            turned = np.flip(image, flipped)
            turned = turned.swapaxes(0, 1) if transpose else turned
            logits = super().logits(np.ascontiguousarray(turned), largest_core)
            found = np.asarray(decision.probability_from_logits(logits))
            found = found.swapaxes(0, 1) if transpose else found
            total = total + np.flip(found, flipped)
        return np.asarray(total, np.float32) / len(TURNS)
