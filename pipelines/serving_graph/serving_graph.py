"""The signatures of an export: what TensorFlow Serving calls, from images to masks.

Plan, scaling and decision are those of `predict`. Each signature begins with
`tf.ensure_shape`: a tensor of another rank would abort TensorFlow Serving in oneDNN.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipelines import decision, scaling
from pipelines.serving_graph.image_decoding import decode_image, largest_value
from pipelines.serving_graph.request_checks import check_images, check_regions
from pipelines.serving_graph.served_net import ServedNet
from pipelines.serving_graph.tiled_graph import Decision, TiledGraph, margins

# The answer is some kilobytes, and small requests must not make huge answers.
MOST_QUERIES = 64


class ServingGraph:
    """A net as functions from whole images to probabilities and masks.

    Args:
        net: the net and its settings.
        about: what `about` answers, JSON.
    """

    def __init__(self, net: ServedNet, about: str = "{}") -> None:
        self._net = net
        self._about = about
        window = tf.TensorSpec((None, None, None, net.channels), tf.float32)

        # One function in the export, however many signatures call it.
        @tf.function(input_signature=[window])
        def tile_probability(window: tf.Tensor) -> tf.Tensor:
            return decision.probability_from_logits(net.tile_logits(window))

        def tile_outputs(
            window: tf.Tensor, mean: tf.Tensor, std: tf.Tensor
        ) -> tf.Tensor:
            return tile_probability(scaling.scale(window, mean, std)[tf.newaxis])[0]

        self._tiles = TiledGraph(
            tile_outputs,
            depth=net.depth,
            variant=net.variant,
            largest_core=net.largest_core,
        )
        self._probability = Decision(tf.identity, tf.float32, net.output_channels)
        self._mask = Decision(self._decide_mask, tf.uint8, 1)
        self._levels = Decision(_foreground_levels, tf.uint16, 1)

    def probability(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `serving_default`.

        Args:
            image: float32 (batch, height, width, channels), values as in the file.

        Returns:
            `probability`, float32 (batch, height, width, output_channels).
        """
        return {"probability": self._of_arrays(image, self._probability)}

    def mask(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signatures `pixels` and `pixels_uint16`.

        Args:
            pixels: uint8 or uint16 (batch, height, width, channels).

        Returns:
            `mask`, uint8 (batch, height, width).
        """
        return {"mask": self._of_arrays(pixels, self._mask)[..., 0]}

    def mask_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `image_bytes`.

        Args:
            image_bytes: string (batch,): PNG or JPEG files, of any sizes.

        Returns:
            `mask_bytes`, string (batch,): PNG masks as large as their images.
        """
        return {"mask_bytes": self._of_files(image_bytes, self._mask)}

    def probability_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `probability_bytes`, for up to two classes.

        Args:
            image_bytes: string (batch,): PNG or JPEG files, of any sizes.

        Returns:
            `probability_bytes`, string (batch,): PNG files of 16 bits, P(foreground)
            times 65535.
        """
        return {"probability_bytes": self._of_files(image_bytes, self._levels)}

    def region(
        self, image: tf.Tensor, mean: tf.Tensor, std: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The signature `region`: parts of an image that the client cuts.

        For the pixels [top, top + height) x [left, left + width) of an image, all
        four multiples of 2**depth, the client sends those from `before` pixels above
        and on the left to `after` pixels below and on the right (`margins`), mirrored
        where they reach beyond the image. The answers of all regions, side by side and
        cut to the size of the image, are that of the whole image.

        Args:
            image: float32 (batch, before + height + after, before + width + after,
                channels), values as in the file.
            mean: float32 (batch, channels), of the whole image; 0 for the scaling
                "dtype".
            std: float32 (batch, channels), of the whole image, above 0; for the
                scaling "dtype" the largest value of the pixels' type.

        Returns:
            `probability`, float32 (batch, height, width, output_channels).
        """
        channels = self._net.channels
        image = tf.ensure_shape(image, (None, None, None, channels))
        mean = tf.ensure_shape(mean, (None, channels))
        std = tf.ensure_shape(std, (None, channels))
        image = check_regions(
            image,
            mean,
            std,
            margins(self._net.depth, self._net.variant),
            self._net.pixel_limit,
        )
        return {
            "probability": _one_by_one(
                lambda one: self._tiles.region(
                    one[0], one[1], one[2], self._probability
                ),
                (image, mean, std),
                self._probability,
            )
        }

    def about(self, query: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `about`: what a client has to know of the export.

        Args:
            query: string (batch,), at most 64; any text.

        Returns:
            `about`, string (batch,), the same JSON object for each query.
        """
        query = tf.ensure_shape(query, (None,))
        number = tf.shape(query)[0]
        few = tf.debugging.Assert(
            number <= MOST_QUERIES,
            [f"about takes up to {MOST_QUERIES} queries, got", number],
        )
        with tf.control_dependencies([few]):
            return {"about": tf.fill([number], self._about)}

    def _decide_mask(self, probability: tf.Tensor) -> tf.Tensor:
        mask = decision.mask_from_probability(probability, self._net.threshold)
        return mask[..., tf.newaxis]

    def _of_arrays(self, images: tf.Tensor, decide: Decision) -> tf.Tensor:
        images = tf.ensure_shape(images, (None, None, None, self._net.channels))
        images = check_images(images, self._net.pixel_limit)

        def segment(pixels: tf.Tensor) -> tf.Tensor:
            return self._tiles.image(pixels, *self._statistics(pixels), decide)

        return _one_by_one(segment, images, decide)

    def _of_files(self, files: tf.Tensor, decide: Decision) -> tf.Tensor:
        files = tf.ensure_shape(files, (None,))

        def segment(data: tf.Tensor) -> tf.Tensor:
            net = self._net
            pixels = decode_image(data, net.channels, net.pixel_limit)
            mean, std = self._statistics(pixels, largest_value(data))
            return tf.io.encode_png(self._tiles.image(pixels, mean, std, decide))

        return tf.map_fn(
            segment,
            files,
            fn_output_signature=tf.TensorSpec((), tf.string),
            parallel_iterations=1,
        )

    def _statistics(
        self, pixels: tf.Tensor, largest: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mean and s.d. of an image, or what takes their places.

        Args:
            pixels: (height, width, channels).
            largest: value of the pixels' type, where `pixels` has another.
        """
        if self._net.pixel_type is None:
            return scaling.image_statistics(pixels)
        is_float = pixels.dtype.is_floating
        dtype = np.dtype(self._net.pixel_type if is_float else pixels.dtype.name)
        mean, std = scaling.dtype_statistics(dtype, self._net.channels)
        if largest is not None:
            std = tf.ones_like(std) * largest
        return tf.constant(mean), tf.convert_to_tensor(std)


def _foreground_levels(probability: tf.Tensor) -> tf.Tensor:
    foreground = decision.foreground_probability(probability)[..., tf.newaxis]
    return tf.cast(tf.round(foreground * 65535), tf.uint16)


def _one_by_one(
    function: Callable[..., tf.Tensor], images: tf.Tensor, decide: Decision
) -> tf.Tensor:
    return tf.map_fn(
        function,
        images,
        fn_output_signature=tf.TensorSpec((None, None, decide.channels), decide.dtype),
        # One image at a time: memory is bounded by the largest.
        parallel_iterations=1,
    )
