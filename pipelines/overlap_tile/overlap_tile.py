"""The overlap-tile strategy: images of any size through the net, without seams.

Figure 2 of the paper (arXiv:1505.04597): tiles overlap by the context that the net
sees, and the image is mirrored at its borders. `keras_unet.geometry.plan_side` places
the tiles so that every kept pixel equals that of one pass over the whole mirrored
image; nothing is blended.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_unet import arguments_of
from pipelines import decision, scaling
from pipelines.images import ArrayImage, WindowedImage
from pipelines.images.windowed import Region
from pipelines.mirroring import mirrored_window
from pipelines.overlap_tile.tile_plan import LARGEST_CORE, plan_tiles


class Net:
    """A model that ends in logits, compiled once for images of every size.

    Its weights are read at each call: a net made before training follows it. Several
    threads may call it; it computes one tile at a time, which bounds its memory.

    Args:
        model: made by `keras_unet.build_unet` with `activation=None`.

    Attributes:
        depth: number of poolings.
        variant: "paper" or "padded".
        channels: of the images it takes.
        output_channels: of the logits.
        base_filters: channels of the first stage.
        feature_bytes: of a number of its features.

    Raises:
        ValueError: the model is another one, or ends in probabilities.
    """

    def __init__(self, model: Any) -> None:
        made = arguments_of(model)
        if made["activation"] is not None:
            raise ValueError(
                f"The model {model.name} ends in probabilities, expected logits. Take "
                'keras.Model(model.input, model.get_layer("logits").output), or build '
                "it with activation=None."
            )
        self.depth: int = made["depth"]
        self.variant: str = made["variant"]
        self.base_filters: int = made["base_filters"]
        self.channels: int = made["input_shape"][-1]
        self.output_channels: int = made["num_classes"]
        first = model.get_layer("encoder_0_conv_0")
        self.feature_bytes: int = tf.as_dtype(first.compute_dtype).size
        tiles = tf.TensorSpec((None, None, None, self.channels), tf.float32)
        statistic = tf.TensorSpec((self.channels,), tf.float32)

        @tf.function(input_signature=[tiles])
        def tile_logits(tiles: tf.Tensor) -> tf.Tensor:
            return model(tiles, training=False)

        @tf.function(input_signature=[tiles, statistic, statistic])
        def tile_probability(
            tiles: tf.Tensor, mean: tf.Tensor, std: tf.Tensor
        ) -> tf.Tensor:
            logits = model(scaling.scale(tiles, mean, std), training=False)
            return decision.probability_from_logits(logits)

        self._tile_logits = tile_logits
        self._tile_probability = tile_probability
        self._computing = threading.Lock()

    def logits(self, image: np.ndarray, largest_core: int = LARGEST_CORE) -> np.ndarray:
        """Returns the logits of a whole scaled image, tile by tile.

        Args:
            image: float32 (height, width, channels), scaled.
            largest_core: the most pixels of a side that one tile keeps.

        Returns:
            float32 (height, width, output_channels).
        """
        whole = Region(0, 0, *image.shape[:2])
        source = ArrayImage(image, "the image")
        return self._stitched(source, whole, self._tile_logits, largest_core)

    def probability(
        self, image: np.ndarray, largest_core: int = LARGEST_CORE
    ) -> np.ndarray:
        """Returns the probabilities of a whole scaled image, as `logits`."""
        logits = self.logits(image, largest_core)
        return np.asarray(decision.probability_from_logits(logits))

    def region_logits(
        self, image: WindowedImage, region: Region, mean: np.ndarray, std: np.ndarray
    ) -> np.ndarray:
        """Returns that part of the logits of a whole image.

        Args:
            image: of any size, not scaled; windows of it are read.
            region: of the image, on its pooling grid.
            mean: float32 (channels,), of the whole image.
            std: float32 (channels,), of the whole image.

        Returns:
            float32 (height of the region, its width, output_channels).
        """

        def scaled_logits(tiles: np.ndarray) -> tf.Tensor:
            return self._tile_logits(scaling.scale(tiles, mean, std))

        return self._stitched(image, region, scaled_logits)

    def tile_probability(
        self, pixels: np.ndarray, mean: np.ndarray, std: np.ndarray
    ) -> np.ndarray:
        """Returns the probabilities of one tile, all that the net puts out of it.

        Args:
            pixels: float32 (height, width, channels) of a legal size, not scaled.
            mean: float32 (channels,), of the whole image.
            std: float32 (channels,), of the whole image.

        Returns:
            float32 (rows, columns, output_channels).
        """
        with self._computing:
            return self._tile_probability(pixels[np.newaxis], mean, std).numpy()[0]

    def _stitched(
        self,
        image: WindowedImage,
        region: Region,
        logits_of: Callable[[np.ndarray], tf.Tensor],
        largest_core: int = LARGEST_CORE,
    ) -> np.ndarray:
        """Returns the logits of a part of an image; the rest of it is context."""
        shape = region.height, region.width
        plan = plan_tiles(*shape, largest_core, self.depth, self.variant)
        rows, columns = plan.rows, plan.columns
        result = np.empty((*shape, self.output_channels), np.float32)
        for top, left, height, width in plan.regions():
            tile = mirrored_window(
                image,
                region.top + top - rows.before,
                region.left + left - columns.before,
                rows.input_size,
                columns.input_size,
            )
            output = logits_of(tile[np.newaxis]).numpy()[0]
            result[top : top + height, left : left + width] = output[
                rows.crop : rows.crop + height, columns.crop : columns.crop + width
            ]
        return result
