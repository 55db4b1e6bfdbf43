"""PNG and JPEG files to pixels, as TensorFlow operations: what a server is sent.

Kind, size and channels are read from the first bytes and checked before anything is
decoded, so that a small file that promises a huge image costs no memory.
"""

import tensorflow as tf

from pipelines.images.damage import JPEG_SIGNATURE, PNG_SIGNATURE
from pipelines.serving_graph.request_checks import check_size

# The signature and the head of the first chunk, IHDR of 13 bytes (ISO/IEC 15948, 5.6).
# The decoder takes files with another chunk before it, whose size would go unseen.
PNG_START = PNG_SIGNATURE + b"\0\0\0\rIHDR"
# Where IHDR (11.2.2) has width and height, four bytes each, the bits of a sample and
# the type of the colours.
PNG_SIZE_BYTE, PNG_BIT_DEPTH_BYTE, PNG_COLOUR_BYTE = 16, 24, 25
# Channels by the type of the colours, without those of a chunk tRNS; 0 for none such.
PNG_CHANNELS = (1, 0, 3, 3, 2, 0, 4)
PNG_RGB = 2
# TensorFlow's decoder takes fewer, channels counted too, and else says "invalid".
JPEG_VALUES = 2**29


def decode_image(data: tf.Tensor, channels: int, pixel_limit: int) -> tf.Tensor:
    """Decodes a PNG or JPEG as `pipelines.images.read_image` does.

    Args:
        data: string (), the file.
        channels: that the model takes; an alpha channel beyond them is dropped.
        pixel_limit: the most pixels of an image.

    Returns:
        uint16 (height, width, channels), values as in the file: 0 to 255 or 65535.
    """
    is_png, is_jpeg = _is_png(data), _is_jpeg(data)
    known = tf.debugging.Assert(
        is_png | is_jpeg,
        ["Expected a PNG or JPEG file, got other bytes:", tf.strings.length(data)],
    )
    with tf.control_dependencies([known]):
        height, width, found = tf.cond(
            is_png, lambda: _png_shape(data), lambda: _jpeg_shape(data)
        )
    right_size = check_size(height, width, pixel_limit)
    # Of a palette or one transparent colour there may be alpha, once it is decoded.
    with_transparent = 3 if channels == 4 else None
    right_channels = _check_channels(found, channels, also=with_transparent)
    with tf.control_dependencies([right_size, right_channels]):
        image = tf.cond(
            is_png,
            lambda: _decode_png(data, channels),
            lambda: _decode_jpeg(data),
        )
    with tf.control_dependencies([_check_channels(tf.shape(image)[2], channels)]):
        return tf.ensure_shape(image[..., :channels], (None, None, channels))


def _check_channels(
    found: tf.Tensor, channels: int, also: int | None = None
) -> tf.Operation:
    """Returns what fails for an image of other channels than the model takes.

    Args:
        found: channels of the image.
        channels: of the model; one and three also take alpha besides.
        also: may be found too.
    """
    fits = tf.equal(found, channels)
    if channels in (1, 3):
        fits |= tf.equal(found, channels + 1)
    if also is not None:
        fits |= tf.equal(found, also)
    return tf.debugging.Assert(
        fits, [f"The model takes images of {channels} channels, got", found]
    )


def largest_value(data: tf.Tensor) -> tf.Tensor:
    """Returns the largest value that a pixel of a PNG or JPEG can have, float32 ()."""
    return tf.where(_is_png(data) & _has_16_bits(data), 65535.0, 255.0)


def _is_png(data: tf.Tensor) -> tf.Tensor:
    start = tf.strings.substr(data, 0, len(PNG_START))
    return tf.equal(start, PNG_START)


def _is_jpeg(data: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.substr(data, 0, 3), JPEG_SIGNATURE)


def _png_header(data: tf.Tensor) -> tf.Tensor:
    """Returns the numbers of a PNG's first bytes, int64."""
    # Padded: a file cut off in its header must fail with words of the image.
    length = PNG_COLOUR_BYTE + 1
    header = tf.strings.substr(data, 0, length)
    header = tf.strings.substr(tf.strings.join([header, "\0" * length]), 0, length)
    return tf.cast(tf.io.decode_raw(header, tf.uint8), tf.int64)


def _png_shape(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height and width, int64, and channels, int32."""
    header = _png_header(data)
    size = tf.reshape(header[PNG_SIZE_BYTE : PNG_SIZE_BYTE + 8], [2, 4])
    places = tf.constant([2**24, 2**16, 2**8, 1], tf.int64)
    width, height = tf.unstack(tf.reduce_sum(size * places, axis=1))
    colour = tf.minimum(header[PNG_COLOUR_BYTE], len(PNG_CHANNELS))
    return height, width, tf.gather(tf.constant([*PNG_CHANNELS, 0]), colour)


def _jpeg_shape(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height and width, int64, and channels, int32."""
    shape = tf.image.extract_jpeg_shape(data)
    # The decoder would make some RGB of the inks of a CMYK file.
    known = tf.debugging.Assert(
        tf.equal(shape[2], 1) | tf.equal(shape[2], 3),
        ["A JPEG must be grey or RGB, got channels:", shape[2]],
    )
    with tf.control_dependencies([known]):
        height, width = tf.unstack(tf.cast(shape[:2], tf.int64))
        return height, width, tf.identity(shape[2])


def _has_16_bits(data: tf.Tensor) -> tf.Tensor:
    return tf.equal(_png_header(data)[PNG_BIT_DEPTH_BYTE], 16)


def _decode_png(data: tf.Tensor, channels: int) -> tf.Tensor:
    # Decoding 8 bits as 16 would multiply the values by 257.
    return tf.cond(
        _has_16_bits(data),
        lambda: _decode_png_as(data, channels, tf.uint16),
        lambda: tf.cast(_decode_png_as(data, channels, tf.uint8), tf.uint16),
    )


def _decode_png_as(data: tf.Tensor, channels: int, dtype: tf.DType) -> tf.Tensor:
    if channels != 4:
        return tf.io.decode_png(data, dtype=dtype)
    # Of a transparent colour the decoder makes alpha only if it is asked for it.
    return tf.cond(
        _has_transparent_colour(data),
        lambda: tf.io.decode_png(data, channels=4, dtype=dtype),
        lambda: tf.io.decode_png(data, dtype=dtype),
    )


def _has_transparent_colour(data: tf.Tensor) -> tf.Tensor:
    """Tells whether a PNG is RGB with the chunk tRNS, which is before its pixels."""
    before_pixels = tf.strings.split(data, "IDAT", maxsplit=1)[0]
    parts = tf.strings.split(before_pixels, "tRNS", maxsplit=1)
    is_rgb = tf.equal(_png_header(data)[PNG_COLOUR_BYTE], PNG_RGB)
    return is_rgb & (tf.shape(parts)[0] > 1)


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    shape = tf.cast(tf.image.extract_jpeg_shape(data), tf.int64)
    known = tf.debugging.Assert(
        tf.reduce_prod(shape) < JPEG_VALUES,
        [
            f"A JPEG must have fewer than {JPEG_VALUES} values (send a PNG instead), "
            "got height, width and channels",
            *tf.unstack(shape),
        ],
    )
    with tf.control_dependencies([known]):
        image = tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE")
    return tf.cast(image, tf.uint16)
