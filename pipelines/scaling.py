"""Pixel scaling: what fit, predict and the exported graph share.

Each channel of an image is brought to mean 0 and standard deviation 1 by its own
statistics over the whole image: never by its maximum, which one bright pixel sets, and
never by a type's range, which a camera of 12 bits in a 16-bit file does not fill.
"""

import numpy as np
import tensorflow as tf

LEAST_STD = np.finfo(np.float32).tiny


def image_statistics(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the mean and standard deviation of each channel.

    Args:
        image: (height, width, channels) of any real type, as in the file.

    Returns:
        (mean, std), each float32 (channels,); std is 1 where it is 0 as float32.
    """
    # float64: sums over millions of 16-bit pixels lose digits in float32.
    image = tf.cast(image, tf.float64)
    mean = tf.reduce_mean(image, axis=(0, 1))
    std = tf.sqrt(tf.reduce_mean(tf.square(image - mean), axis=(0, 1)))
    std = tf.cast(std, tf.float32)
    # Processors may take numbers below the least normal one for 0.
    std = tf.where(std >= LEAST_STD, std, tf.ones_like(std))
    return tf.cast(mean, tf.float32), std


def scale(image: tf.Tensor, mean: tf.Tensor, std: tf.Tensor) -> tf.Tensor:
    """Returns (image - mean) / std as float32.

    Args:
        image: (..., channels) of any real type: a whole image or a window of it.
        mean: (channels,), of the whole image.
        std: (channels,), of the whole image.
    """
    return (tf.cast(image, tf.float32) - mean) / std


def scale_image(image: tf.Tensor) -> tf.Tensor:
    """Scales a whole image (height, width, channels) by its own statistics."""
    return scale(image, *image_statistics(image))
