"""Random changes of pixel values: each a function of (image, seed, strength).

Images are float32 (height, width, channels), already scaled: by default to mean 0 and
s.d. 1. A strength of 0 changes nothing; seeds are int32 (2,). The same change goes to
all channels, but for noise.
"""

import math

import numpy as np
import tensorflow as tf

from pipelines.augment import draws
from pipelines.augment.augmentation import Augmentation

# Of a range that is 0, and of the ends of a range under the logarithm.
TINY = 1e-12


def change_intensity(
    image: tf.Tensor, seed: tf.Tensor, changes: Augmentation
) -> tf.Tensor:
    """Blurs, changes gamma, contrast and brightness, and adds noise, in this order.

    It is the order of a microscope: optics, exposure, and the noise of the sensor.
    """
    steps = [
        (blur, changes.blur),
        (gamma, changes.gamma),
        (contrast, changes.contrast),
        (brightness, changes.brightness),
        (noise, changes.noise),
    ]
    for (change, strength), one in zip(
        steps, draws.split(seed, len(steps)), strict=True
    ):
        if strength:
            image = change(image, one, strength)
    return image


def brightness(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Adds a normal number of s.d. `strength`, the same to all pixels."""
    return image + draws.normal(seed, [], strength)


def contrast(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Multiplies by exp(n), n normal of s.d. `strength`."""
    return image * tf.exp(draws.normal(seed, [], strength))


def gamma(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Raises to the power exp(n), n normal of s.d. `strength`.

    The range of the tile, from its least to its largest value, is taken as 0 to 1 and
    is kept.
    """
    exponent = tf.exp(draws.normal(seed, [], strength))
    # Minimum and maximum, for they do not depend on the order of the pixels.
    low = tf.reduce_min(image)
    extent = tf.maximum(tf.reduce_max(image) - low, TINY)
    share = tf.maximum((image - low) / extent, TINY)
    # On TensorFlow 2.15 tf.pow takes three times as long.
    return low + extent * tf.exp(exponent * tf.math.log(share))


def noise(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Adds normal noise to each pixel, its s.d. evenly drawn up to `strength`."""
    amount_seed, noise_seed = draws.split(seed, 2)
    amount = draws.uniform(amount_seed, [], 0.0, strength)
    return _add_noise(image, amount, noise_seed)


@tf.function(jit_compile=True)
def _add_noise(image: tf.Tensor, std: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return image + std * draws.normal(seed, image.shape)


def blur(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Blurs with a Gaussian whose s.d. in pixels is evenly drawn up to `strength`.

    Three standard deviations of the kernel are kept (fewer in a tile that is smaller);
    the tile is mirrored at its edges.
    """
    sigma = draws.uniform(seed, [], 0.0, strength)
    for axis in (0, 1):
        radius = min(math.ceil(3 * strength), image.shape[axis] - 1)
        offsets = np.arange(-radius, radius + 1, dtype=np.float32)
        # The least s.d. leaves the centre alone without a division by 0.
        weights = tf.exp(-0.5 * tf.square(offsets / tf.maximum(sigma, 0.05)))
        image = _blur_side(image, weights / tf.reduce_sum(weights), axis)
    return image


# One side at a time: compiled together, the first pass is computed anew for each term
# of the second.
@tf.function(jit_compile=True)
def _blur_side(image: tf.Tensor, weights: tf.Tensor, axis: int) -> tf.Tensor:
    size, radius = image.shape[axis], weights.shape[0] // 2
    paddings = [[radius, radius] if axis == side else [0, 0] for side in range(3)]
    wide = tf.pad(image, paddings, "REFLECT")
    blurred = tf.zeros_like(image)
    for start in range(2 * radius + 1):
        shift = slice(start, start + size)
        part = wide[shift] if axis == 0 else wide[:, shift]
        blurred += weights[start] * part
    return blurred
