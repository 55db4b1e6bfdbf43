"""What each pixel of a tile weighs in the loss."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_unet.border_weights import balanced_weights
from pipelines.config import WeightConfig
from pipelines.dataset import Dataset
from pipelines.dataset.mask_values import IGNORED

# w0 and sigma (pixels): of the paper, and of the tool that its authors published.
PRESETS = {"paper": (10.0, 5.0), "authors-tool": (50.0, 6.0)}


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


def pixel_weights(dataset: Dataset, config: WeightConfig) -> PixelWeights | None:
    """Returns what to weigh, or None if every pixel weighs 1.

    Args:
        dataset: checked pairs.
        config: weight map and class weights.

    Raises:
        ValueError: `class_weights` are not one number for each class, or all 0.
    """
    counts = dataset.class_counts()
    with_map = config.weight_map != "none"
    of_classes = _class_weights(counts, config.class_weights, with_map)
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


def _class_weights(
    counts: np.ndarray, given: tuple[str, ...], with_map: bool
) -> np.ndarray | None:
    """Returns float64 (images or 1, num_classes), None if all weigh the same."""
    if not given and not with_map:
        return None
    if given in ((), ("balanced",)):
        return balanced_weights(counts if with_map else counts.sum(0, keepdims=True))
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
