"""Overlap-tile prediction as TensorFlow operations, for the SavedModel.

The same plan (`keras_unet.geometry`), scaling and decision as `predict`; only the loop
over the tiles is TensorFlow's, so that a server takes images of any size.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_unet import geometry
from pipelines import decision, scaling
from pipelines.overlap_tile import LARGEST_CORE

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
# Where a PNG's header (ISO/IEC 15948, 11.2.2) says how many bits a sample has.
PNG_BIT_DEPTH_BYTE = 24


class ServingGraph:
    """A net as functions from whole images to probabilities and masks.

    Args:
        tile_logits: the net, from float32 (1, rows, columns, channels) to logits.
        depth: number of poolings.
        variant: "paper" or "padded".
        channels: of the images.
        num_channels: of the logits.
        threshold: on P(foreground), for one or two channels.
        pixel_type: None to scale each image by its own statistics; or, to scale by the
            largest value of a type, that of the training images. Files are scaled by
            their own type.
        largest_core: the most pixels of a side that one tile keeps.
    """

    def __init__(
        self,
        tile_logits: Callable[[tf.Tensor], tf.Tensor],
        *,
        depth: int,
        variant: str,
        channels: int,
        num_channels: int,
        threshold: float | None,
        pixel_type: str | None = None,
        largest_core: int = LARGEST_CORE,
    ) -> None:
        self._tile_logits = tile_logits
        self._depth = depth
        self._variant = variant
        self._channels = channels
        self._num_channels = num_channels
        self._threshold = threshold
        self._pixel_type = pixel_type
        self._largest_core = largest_core

    def probability(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `serving_default`.

        Args:
            image: float32 (batch, height, width, channels), values as in the file.

        Returns:
            `probability`, float32 (batch, height, width, num_channels).
        """
        # First: a tensor of another rank would abort TensorFlow Serving in oneDNN.
        image = tf.ensure_shape(image, (None, None, None, self._channels))
        image = _with_pixels(image)
        probability = tf.map_fn(
            self._segment,
            image,
            fn_output_signature=tf.TensorSpec(
                (None, None, self._num_channels), tf.float32
            ),
            # One image at a time: memory is bounded by the largest.
            parallel_iterations=1,
        )
        return {"probability": probability}

    def mask_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `image_bytes`.

        Args:
            image_bytes: string (batch,): PNG or JPEG files, of any sizes.

        Returns:
            `mask_bytes`, string (batch,): PNG masks as large as their images.
        """
        image_bytes = tf.ensure_shape(image_bytes, (None,))
        masks = tf.map_fn(
            self._mask_of_file,
            image_bytes,
            fn_output_signature=tf.TensorSpec((), tf.string),
            parallel_iterations=1,
        )
        return {"mask_bytes": masks}

    def _mask_of_file(self, data: tf.Tensor) -> tf.Tensor:
        image = decode_image(data, self._channels)
        probability = self._segment(image, largest_value(data))
        mask = decision.mask_from_probability(probability, self._threshold)
        return tf.io.encode_png(mask[..., tf.newaxis])

    def _scaled(self, image: tf.Tensor, largest: tf.Tensor | None) -> tf.Tensor:
        if self._pixel_type is None:
            return scaling.scale_image(image)
        mean, std = scaling.dtype_statistics(np.dtype(self._pixel_type), self._channels)
        return scaling.scale(image, mean, std if largest is None else largest)

    def _segment(self, image: tf.Tensor, largest: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the probability of one image.

        Args:
            image: (height, width, channels).
            largest: value of the image's type, if it is not that of the training.
        """
        height, width = tf.shape(image)[0], tf.shape(image)[1]
        finite = tf.debugging.Assert(
            tf.reduce_all(tf.math.is_finite(image)),
            ["Pixels must be finite, got NaN or infinity."],
        )
        with tf.control_dependencies([finite]):
            image = self._scaled(image, largest)
        rows, columns = self._plan_side(height), self._plan_side(width)

        def tile(number: tf.Tensor) -> tf.Tensor:
            top = number // columns.num_tiles * rows.core
            left = number % columns.num_tiles * columns.core
            window = _mirrored(image, top, rows, height, axis=0)
            window = _mirrored(window, left, columns, width, axis=1)
            logits = self._tile_logits(window[tf.newaxis])[0]
            return logits[
                rows.crop : rows.crop + rows.core,
                columns.crop : columns.crop + columns.core,
            ]

        tiles = tf.map_fn(
            tile,
            tf.range(rows.num_tiles * columns.num_tiles),
            fn_output_signature=tf.TensorSpec(
                (None, None, self._num_channels), tf.float32
            ),
            # One tile at a time: memory is bounded by the tile.
            parallel_iterations=1,
        )
        logits = _stitched(tiles, rows, columns)[:height, :width]
        return decision.probability_from_logits(logits)

    def _plan_side(self, size: tf.Tensor) -> geometry.TileSide:
        return geometry.plan_side(size, self._largest_core, self._depth, self._variant)


def decode_image(data: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes a PNG or JPEG as `pipelines.images.read_image` does.

    Args:
        data: string (), the file.
        channels: that the model takes; an alpha channel beyond them is dropped.

    Returns:
        float32 (height, width, channels), values as in the file: 0 to 255 or 65535.
    """
    is_png = tf.equal(tf.strings.substr(data, 0, 8), PNG_SIGNATURE)
    is_jpeg = tf.equal(tf.strings.substr(data, 0, 3), JPEG_SIGNATURE)
    known = tf.debugging.Assert(
        tf.logical_or(is_png, is_jpeg), ["image_bytes takes PNG or JPEG files."]
    )
    with tf.control_dependencies([known]):
        image = tf.cond(is_png, lambda: _decode_png(data), lambda: _decode_jpeg(data))
    found = tf.shape(image)[2]
    fits = tf.equal(found, channels)
    if channels in (1, 3):
        fits = tf.logical_or(fits, tf.equal(found, channels + 1))
    right = tf.debugging.Assert(
        fits, [f"The model takes images of {channels} channels, got", found]
    )
    with tf.control_dependencies([right]):
        return tf.ensure_shape(image[..., :channels], (None, None, channels))


def largest_value(data: tf.Tensor) -> tf.Tensor:
    """Returns the largest value that a pixel of a PNG or JPEG can have, float32 ()."""
    is_png = tf.equal(tf.strings.substr(data, 0, 8), PNG_SIGNATURE)
    return tf.where(tf.logical_and(is_png, _has_16_bits(data)), 65535.0, 255.0)


def _has_16_bits(data: tf.Tensor) -> tf.Tensor:
    # Padded: a file cut off in its header must fail in the decoder, with its message.
    header = tf.strings.join([data, "\0" * (PNG_BIT_DEPTH_BYTE + 1)])
    return tf.equal(tf.strings.substr(header, PNG_BIT_DEPTH_BYTE, 1), b"\x10")


def _decode_png(data: tf.Tensor) -> tf.Tensor:
    # Decoding 8 bits as 16 would multiply the values by 257.
    return tf.cond(
        _has_16_bits(data),
        lambda: tf.cast(tf.io.decode_png(data, dtype=tf.uint16), tf.float32),
        lambda: tf.cast(tf.io.decode_png(data, dtype=tf.uint8), tf.float32),
    )


def _decode_jpeg(data: tf.Tensor) -> tf.Tensor:
    # The decoder would make some RGB of the inks of a CMYK file.
    found = tf.image.extract_jpeg_shape(data)[2]
    known = tf.debugging.Assert(
        tf.logical_or(tf.equal(found, 1), tf.equal(found, 3)),
        ["A JPEG must be grey or RGB, got channels:", found],
    )
    with tf.control_dependencies([known]):
        image = tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE")
    return tf.cast(image, tf.float32)


def _with_pixels(images: tf.Tensor) -> tf.Tensor:
    """Refuses an empty batch, and images without pixels, in readable words."""
    some_pixels = tf.debugging.Assert(
        tf.size(images) > 0,
        ["Expected images of at least one pixel, got the shape", tf.shape(images)],
        summarize=4,
    )
    with tf.control_dependencies([some_pixels]):
        return tf.identity(images)


def _mirrored(
    image: tf.Tensor,
    origin: tf.Tensor,
    side: geometry.TileSide,
    size: tf.Tensor,
    axis: int,
) -> tf.Tensor:
    positions = origin - side.before + tf.range(side.input_size)
    return tf.gather(image, geometry.mirror_index(positions, size), axis=axis)


def _stitched(
    tiles: tf.Tensor, rows: geometry.TileSide, columns: geometry.TileSide
) -> tf.Tensor:
    """Lays tiles (number, rows.core, columns.core, channels) side by side."""
    channels = tiles.shape[-1]
    grid = tf.reshape(
        tiles, [rows.num_tiles, columns.num_tiles, rows.core, columns.core, channels]
    )
    grid = tf.transpose(grid, [0, 2, 1, 3, 4])
    return tf.reshape(
        grid, [rows.num_tiles * rows.core, columns.num_tiles * columns.core, channels]
    )
