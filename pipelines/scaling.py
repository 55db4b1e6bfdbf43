"""Pixel scaling: what fit, predict and the exported graph share.

`per_image`: each channel of an image is brought to mean 0 and standard deviation 1 by
its own statistics over the whole image. `dtype`: pixel values are divided by the
largest value of their integer type (255, 65535, ...); floats stay as they are. Neither
depends on the maximum of an image, which one bright pixel sets.

The mean and standard deviation of an image are the same numbers whether it is read
whole or block by block: integers are added up exactly, floats by a stable merge.
"""

from collections.abc import Callable, Collection
from typing import get_args

import numpy as np
import tensorflow as tf

from pipelines.config.stream import Scaling
from pipelines.images import ArrayImage, WindowedImage, blocks
from pipelines.images.moments import Moments

LEAST_STD = np.finfo(np.float32).tiny
# Whole numbers up to here are added up exactly in the graph: their squares fit 32 bits,
# so that an int64 holds the sum over 2**31 pixels.
LARGEST_EXACT = 2**16 - 1
# So many parts of the standard deviation float32 has to tell apart near the mean.
LEAST_STEPS = 16
# That the graph adds up at once.
CHUNK_PIXELS = 2**20


def statistics_of(
    image: WindowedImage, scaling: str = "per_image"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what `scale` takes for an image, read block by block.

    Args:
        image: values as in the file.
        scaling: "per_image" or "dtype".

    Returns:
        (mean, std), each float32 (channels,).
    """
    if scaling == "dtype":
        return dtype_statistics(image.dtype, image.channels)
    return statistics_of_moments(moments_of(image))


def moments_of(image: WindowedImage) -> Moments:
    """Adds up an image block by block."""
    moments = Moments(image.channels, image.dtype)
    for _, _, pixels in blocks(image):
        moments.add(pixels)
    return moments


def dtype_statistics(dtype: np.dtype, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean 0 and, as std, the largest value of a type of integers.

    1 for floats: their range is the user's own.
    """
    largest = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    std = np.full(channels, largest, np.float32)
    return np.zeros(channels, np.float32), std


def doubts_of_types(
    scaling: str, learned: Collection[str], found: Collection[str]
) -> list[str]:
    """Returns sentences on types of pixels that a net has not learned from.

    Args:
        scaling: "per_image", which brings all types to one range, or "dtype".
        learned: types of the training images, such as "uint8".
        found: types of the images that are to be segmented.
    """
    if scaling != "dtype" or not learned:
        return []
    return [
        f"Pixels are {dtype}, but the run has learned from {', '.join(learned)}: "
        "scaling dtype brings each type to its own range, so that they may look far "
        "darker or brighter to the net. Convert the images to the type that it knows."
        for dtype in found
        if dtype not in learned
    ]


def doubt_of_digits(moments: Moments, dtype: np.dtype) -> str | None:
    """Returns what is said of an image whose differences float32 cannot hold.

    `scale` brings pixels to float32 before it subtracts the mean.

    Args:
        moments: of the image.
        dtype: of its pixels.
    """
    if dtype.itemsize <= (4 if dtype.kind == "f" else 2):
        return None
    count, pivot, total, squares = moments.parts()
    with np.errstate(all="ignore"):
        mean = np.abs(pivot + total / count)
        std = np.sqrt(np.maximum(squares - total**2 / count, 0) / count)
        step = np.spacing(mean.astype(np.float32))
        # What float64 itself rounds is no content.
        lost = (std > 4 * np.spacing(mean)) & (step > std / LEAST_STEPS)
    if not lost.any():
        return None
    channel = int(np.argmax(lost))
    return (
        f"pixels are {dtype} and lie about {mean[channel]:.4g} from 0, with a standard "
        f"deviation of {std[channel]:.2g}: float32, which the net computes in, has "
        f"steps of {step[channel]:g} there, so that detail is lost. "
        "Subtract one number from the pixels of all images."
    )


def statistics_of_moments(moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Returns (mean, std), each float32 (channels,), of an image that was added up."""
    mean, std = mean_and_std(*(tf.constant(part) for part in moments.parts()))
    return mean.numpy(), std.numpy()


def image_statistics(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the mean and standard deviation of each channel.

    Whole numbers up to LARGEST_EXACT, of any type, give the same bits as
    `statistics_of`.

    Args:
        image: (height, width, channels) of any real type, as in the file.

    Returns:
        (mean, std), each float32 (channels,); std is 1 where it is 0 as float32.
    """
    image = tf.convert_to_tensor(image)
    pixels = tf.reshape(image, [-1, tf.shape(image)[-1]])
    if image.dtype in (tf.uint8, tf.int8, tf.uint16, tf.int16):
        return mean_and_std(*_exact_parts(pixels))
    inexact = _chunk_sum(pixels, _is_inexact, tf.float64)
    parts = tf.cond(
        tf.reduce_all(inexact == 0),
        lambda: _exact_parts(pixels),
        lambda: _float_parts(pixels),
    )
    return mean_and_std(*parts)


def mean_and_std(
    count: tf.Tensor, pivot: tf.Tensor, total: tf.Tensor, squares: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the last step from sums to the statistics, for all ways to add up.

    Args:
        count: of pixels, float64 ().
        pivot: a number near the mean, float64 (channels,).
        total: sum of (pixel - pivot), float64 (channels,).
        squares: sum of (pixel - pivot)**2, float64 (channels,).

    Returns:
        (mean, std), each float32 (channels,); std is 1 where it is 0 as float32.
    """
    mean = tf.cast(pivot + total / count, tf.float32)
    # The pivot is so near that at most half of `squares` goes: no digits are lost.
    variance = tf.maximum(squares - total * total / count, 0) / count
    std = tf.cast(tf.sqrt(variance), tf.float32)
    # Processors may take numbers below the least normal one for 0.
    return mean, tf.where(std >= LEAST_STD, std, tf.ones_like(std))


def scale(image: tf.Tensor, mean: tf.Tensor, std: tf.Tensor) -> tf.Tensor:
    """Returns (image - mean) / std as float32.

    Args:
        image: (..., channels) of any real type: a whole image or a window of it.
        mean: (channels,), of the whole image.
        std: (channels,), of the whole image.
    """
    return (tf.cast(image, tf.float32) - mean) / std


def scale_array(image: np.ndarray, scaling: str) -> np.ndarray:
    """Scales a whole image in memory as one of a file, by the same statistics.

    Args:
        image: (height, width, channels), values as in a file.
        scaling: "per_image" or "dtype"; another one, or another shape, is a ValueError.
    """
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling must be per_image or dtype, got {scaling!r}.")
    if tf.is_symbolic_tensor(image) or np.ndim(image) != 3:
        raise ValueError(
            "image must be one array (height, width, channels), got the shape "
            f"{getattr(image, 'shape', None)}. image[..., None] gives a grey image its "
            "channel; scale_image takes tensors of a graph, as in Dataset.map."
        )
    image = np.asarray(image)
    mean, std = statistics_of(ArrayImage(image, "image"), scaling)
    return np.asarray(scale(image, mean, std))


def scale_image(image: tf.Tensor) -> tf.Tensor:
    """Returns a whole image (height, width, channels) as float32, as "per_image"."""
    return scale(image, *image_statistics(image))


def _is_inexact(values: tf.Tensor) -> tf.Tensor:
    exact = (tf.floor(values) == values) & (tf.abs(values) <= LARGEST_EXACT)
    return tf.cast(tf.logical_not(exact), values.dtype)


def _exact_parts(pixels: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the arguments of `mean_and_std` by sums of integers.

    Args:
        pixels: (number, channels).
    """
    count = tf.shape(pixels, tf.int64)[0]
    total = _chunk_sum(pixels, tf.identity, tf.int64)
    # The whole number nearest to the mean, as in `Moments.parts`.
    pivot = tf.math.floordiv(2 * total + count, 2 * count)
    squares = _chunk_sum(pixels, lambda values: tf.square(values - pivot), tf.int64)
    parts = (count, pivot, total - count * pivot, squares)
    return tuple(tf.cast(part, tf.float64) for part in parts)


def _float_parts(pixels: tf.Tensor) -> tuple[tf.Tensor, ...]:
    count = tf.cast(tf.shape(pixels)[0], tf.float64)
    mean = _chunk_sum(pixels, tf.identity, tf.float64) / count
    squares = _chunk_sum(pixels, lambda values: tf.square(values - mean), tf.float64)
    return count, mean, tf.zeros_like(mean), squares


def _chunk_sum(
    pixels: tf.Tensor, term: Callable[[tf.Tensor], tf.Tensor], dtype: tf.DType
) -> tf.Tensor:
    """Returns the sum of term(pixel) over all pixels.

    Chunk by chunk: numbers of 64 bits would take many times the memory of the image.

    Args:
        pixels: (number, channels).
        term: of pixels of `dtype`.
        dtype: to add up in.

    Returns:
        (channels,).
    """
    count = tf.shape(pixels)[0]

    def add(start: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = tf.cast(pixels[start : start + CHUNK_PIXELS], dtype)
        return start + CHUNK_PIXELS, total + tf.reduce_sum(term(values), axis=0)

    _, total = tf.while_loop(
        lambda start, _: start < count,
        add,
        (tf.constant(0), tf.zeros([tf.shape(pixels)[-1]], dtype)),
        parallel_iterations=1,
    )
    return total
