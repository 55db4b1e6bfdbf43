"""What each pixel of a tile weighs in the loss."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from keras_unet.border_weights import balanced_weights
from pipelines.config import WeightConfig
from pipelines.dataset import Dataset
from pipelines.dataset.mask_values import IGNORED

# w0 and sigma (pixels): of the paper, and of the tool that its authors published.
PRESETS = {"paper": (10.0, 5.0), "authors-tool": (50.0, 6.0)}
# Of balanced weights: a few pixels are not to drown all others of a step.
LARGEST_BALANCED = 100.0


@dataclasses.dataclass(frozen=True)
class PixelWeights:
    """The weight of a pixel: that of its class and, near two cells, something more.

    Attributes:
        of_classes: float32 (images or 1, num_classes + 1); the last is that of ignored
            pixels, 0.
        w0: most that the border term of the weight map adds; 0 without one.
        sigma: its width in pixels; None without a weight map.
    """

    of_classes: np.ndarray
    w0: float = 0.0
    sigma: float | None = None

    def of_tile(
        self, index: tf.Tensor, mask: tf.Tensor, closeness: tf.Tensor | None
    ) -> tf.Tensor:
        """Returns the weights of a tile, float32 (height, width, 1).

        The weight of the class follows the mask pixel by pixel and 0 stays 0; only the
        border term, which is smooth, has been interpolated.

        Args:
            index: of the image.
            mask: class ids, uint8 (height, width, 1).
            closeness: the border term without w0, float32 (height, width, 1); None
                without a weight map.
        """
        row = index if len(self.of_classes) > 1 else 0
        of_classes = tf.constant(self.of_classes)[row]
        if closeness is None:
            return _class_weight(of_classes, mask)
        return _class_and_border_weight(of_classes, mask, self.w0 * closeness)


@tf.function(jit_compile=True)
def _class_weight(of_classes: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    column = tf.minimum(tf.cast(mask, tf.int32), of_classes.shape[0] - 1)
    return tf.gather(of_classes, column)


@tf.function(jit_compile=True)
def _class_and_border_weight(
    of_classes: tf.Tensor, mask: tf.Tensor, border: tf.Tensor
) -> tf.Tensor:
    kept = tf.cast(mask != IGNORED, tf.float32)
    return _class_weight(of_classes, mask) + border * kept


def pixel_weights(
    dataset: Dataset, config: WeightConfig, shares: np.ndarray | None = None
) -> PixelWeights | None:
    """Returns what to weigh, or None if every pixel weighs 1.

    Args:
        dataset: checked pairs.
        config: weight map and class weights.
        shares: of the classes among the pixels that are weighed, (num_classes,); by
            default those of the data set. Where rarer classes are shown more often,
            balanced weights need to add the less.

    Raises:
        ValueError: `class_weights` are not one number for each class, or all 0.
    """
    counts = dataset.class_counts()
    with_map = config.weight_map != "none"
    of_classes = _class_weights(counts, config.class_weights, with_map, shares)
    if of_classes is None:
        pixels = sum(facts.height * facts.width for facts in dataset.facts)
        if counts.sum() == pixels:
            return None
        of_classes = np.ones((1, counts.shape[1]))
    ignored = np.zeros((len(of_classes), 1))
    table = np.concatenate([of_classes, ignored], axis=1).astype(np.float32)
    if not with_map:
        return PixelWeights(table)
    w0, sigma = PRESETS[config.weight_map]
    if config.border_weight is not None:
        w0 = config.border_weight
    return PixelWeights(table, w0, config.border_sigma or sigma)


def is_balanced(config: WeightConfig) -> bool:
    """Tells whether classes are weighed by how rare they are."""
    given = config.class_weights
    return given == ("balanced",) or (not given and config.weight_map != "none")


def class_table(training_set: Dataset, dataset: Dataset, config: WeightConfig) -> Any:
    """Returns the weights of the classes of whole images, as a training has them.

    Without the border term, and for each class as often as it is in the images.

    Args:
        training_set: that is trained on.
        dataset: whose images are weighed.
        config: as of the training.

    Returns:
        float32 (images, num_classes + 1), see `PixelWeights`; None if all weigh the
        same.
    """
    if not config.class_weights and config.weight_map == "none":
        return None
    # With a weight map the classes of each image are balanced.
    for_each = is_balanced(config) and config.weight_map != "none"
    weights = pixel_weights(dataset if for_each else training_set, config)
    if weights is None:
        return None
    rows = len(dataset.pairs)
    return np.broadcast_to(weights.of_classes, (rows, weights.of_classes.shape[1]))


def _class_weights(
    counts: np.ndarray,
    given: tuple[str, ...],
    with_map: bool,
    shares: np.ndarray | None,
) -> np.ndarray | None:
    """Returns float64 (images or 1, num_classes), None if all weigh the same."""
    if not given and not with_map:
        return None
    if given in ((), ("balanced",)):
        totals = counts.sum(axis=0, keepdims=True)
        balanced = balanced_weights(counts if with_map else totals)
        if shares is not None:
            of_set = totals / max(1, totals.sum())
            balanced *= np.where(totals > 0, of_set / np.maximum(shares, 1e-9), 1.0)
        return np.minimum(balanced, LARGEST_BALANCED)
    if len(given) != counts.shape[1]:
        raise ValueError(
            f"class_weights must be a number for each of the {counts.shape[1]} classes "
            f"in the order of their ids, or balanced; got {','.join(given)}."
        )
    numbers = np.array([given], np.float64)
    if not numbers.any():
        raise ValueError(
            f"class_weights are all 0, got {','.join(given)}; nothing would be "
            "learned. Give at least one class a weight above 0."
        )
    return numbers
