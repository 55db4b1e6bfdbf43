"""What a request to an export must hold, as assertions whose words the client reads."""

from typing import Any

import tensorflow as tf

from pipelines.serving_graph.tiled_graph import Margins


def check_size(height: Any, width: Any, pixel_limit: int) -> tf.Operation:
    """Returns the assertion that an image has pixels, and not more than the limit.

    Args:
        height: int32 or int64 ().
        width: int32 or int64 ().
        pixel_limit: the most pixels of an image.
    """
    height, width = tf.cast(height, tf.int64), tf.cast(width, tf.int64)
    # Not by the product alone: that of two large numbers does not fit 64 bits.
    fits = (height > 0) & (width > 0)
    fits &= (height <= pixel_limit) & (width <= pixel_limit)
    fits &= height * width <= pixel_limit
    return tf.debugging.Assert(
        fits,
        [
            f"Expected an image of 1 to {pixel_limit} pixels (the limit that this "
            "model was exported with), got height and width",
            height,
            width,
        ],
    )


def check_images(images: tf.Tensor, pixel_limit: int) -> tf.Tensor:
    """Returns `images`, (batch, height, width, channels), if they can be segmented."""
    shape = tf.shape(images, tf.int64)
    some = tf.debugging.Assert(
        shape[0] > 0,
        ["Expected at least one image, got the shape", shape],
        summarize=4,
    )
    checks = [some, check_size(shape[1], shape[2], pixel_limit)]
    with tf.control_dependencies([*checks, *_check_finite("Pixels", images)]):
        return tf.identity(images)


def check_regions(
    pixels: tf.Tensor,
    mean: tf.Tensor,
    std: tf.Tensor,
    margins: Margins,
    pixel_limit: int,
) -> tf.Tensor:
    """Returns `pixels` if they are regions with margins, and statistics fit.

    Args:
        pixels: (batch, height, width, channels) with the margins.
        mean: (rows, channels).
        std: (rows, channels).
        margins: that a region needs.
        pixel_limit: the most pixels of a region with its margins.
    """
    shape = tf.shape(pixels, tf.int64)
    rows = [shape[0], tf.shape(mean, tf.int64)[0], tf.shape(std, tf.int64)[0]]
    both = margins.before + margins.after
    height, width = shape[1] - both, shape[2] - both
    fit = (height > 0) & (width > 0)
    fit &= (height % margins.alignment == 0) & (width % margins.alignment == 0)
    checks = [
        tf.debugging.Assert(
            (rows[0] > 0) & (rows[0] == rows[1]) & (rows[0] == rows[2]),
            ["Expected one row of mean and of std for each region, got", *rows],
        ),
        tf.debugging.Assert(
            fit,
            [
                f"Expected a region of multiples of {margins.alignment} pixels with "
                f"{margins.before} before and {margins.after} after it, got height and "
                "width with these",
                shape[1],
                shape[2],
            ],
        ),
        check_size(shape[1], shape[2], pixel_limit),
        tf.debugging.Assert(
            tf.reduce_all(std > 0), ["Expected std above 0, got", std], summarize=8
        ),
        *_check_finite("Pixels", pixels),
        *_check_finite("Mean and std", tf.concat([mean, std], axis=0)),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(pixels)


def _check_finite(what: str, values: tf.Tensor) -> list[tf.Operation]:
    if not values.dtype.is_floating:
        return []
    finite = tf.reduce_all(tf.math.is_finite(values))
    return [
        tf.debugging.Assert(finite, [f"{what} must be finite, got NaN or infinity."])
    ]
