"""The overlap-tile strategy: images of any size through the net, without seams.

Figure 2 of the paper (arXiv:1505.04597): tiles overlap by the context that the net
sees, and the image is mirrored at its borders. `keras_unet.geometry.plan_side` places
the tiles so that every kept pixel equals that of one pass over the whole mirrored
image; nothing is blended.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_unet import geometry
from pipelines import decision

# With its margins 704 pixels at depth 4: about 127 MB for each feature map of a net
# with 64 base filters, and most images of 512 pixels go in one piece.
LARGEST_CORE = 512

TileFunction = Callable[[Any], Any]


def net_geometry(model: Any) -> tuple[int, str]:
    """Returns (depth, variant) of a model made by `keras_unet.build_unet`.

    Raises:
        ValueError: the model is another one.
    """
    names = {layer.name for layer in model.layers}
    if "size_check" not in names:
        raise ValueError(
            f"The model {model.name} was not made by keras_unet.build_unet: it has no "
            "layer size_check, which knows depth and variant."
        )
    check = model.get_layer("size_check")
    return check.depth, check.variant


class Net:
    """A model that ends in logits, compiled once for images of every size.

    Its weights are read at each call: a net made before training follows it.

    Args:
        model: made by `keras_unet.build_unet` with `activation=None`.

    Attributes:
        depth: number of poolings.
        variant: "paper" or "padded".
        channels: of the images it takes.
        num_channels: of the logits.
    """

    def __init__(self, model: Any) -> None:
        self.depth, self.variant = net_geometry(model)
        self.channels: int = model.input_shape[-1]
        self.num_channels: int = model.output_shape[-1]
        signature = [tf.TensorSpec((None, None, None, self.channels), tf.float32)]

        @tf.function(input_signature=signature)
        def tile_logits(tiles: tf.Tensor) -> tf.Tensor:
            return model(tiles, training=False)

        self._tile_logits = tile_logits

    def logits(self, image: np.ndarray, largest_core: int = LARGEST_CORE) -> np.ndarray:
        """Returns the logits of a whole scaled image; see `segment`."""
        return segment(
            image,
            self._tile_logits,
            depth=self.depth,
            variant=self.variant,
            largest_core=largest_core,
        )

    def probability(
        self, image: np.ndarray, largest_core: int = LARGEST_CORE
    ) -> np.ndarray:
        """Returns the probabilities of a whole scaled image; see `segment`."""
        logits = self.logits(image, largest_core)
        return np.asarray(decision.probability_from_logits(logits))


def segment(
    image: np.ndarray,
    function: TileFunction,
    *,
    depth: int,
    variant: str,
    largest_core: int = LARGEST_CORE,
) -> np.ndarray:
    """Applies a net to a whole image, tile by tile.

    Args:
        image: float32 (height, width, channels), scaled.
        function: the net, from (1, rows, columns, channels) to (1, ..., num_classes).
        depth: number of poolings of the net.
        variant: "paper" or "padded".
        largest_core: the most pixels of a side that one tile keeps.

    Returns:
        float32 (height, width, num_classes).
    """
    height, width = image.shape[:2]
    rows = geometry.plan_side(height, largest_core, depth, variant)
    columns = geometry.plan_side(width, largest_core, depth, variant)
    result: np.ndarray | None = None
    for row in range(rows.num_tiles):
        for column in range(columns.num_tiles):
            top, left = row * rows.core, column * columns.core
            tile = _mirrored_window(image, top, rows, left, columns)
            output = np.asarray(function(tile[np.newaxis]))[0]
            if result is None:
                result = np.empty((height, width, output.shape[-1]), np.float32)
            kept = result[top : top + rows.core, left : left + columns.core]
            kept[...] = output[
                rows.crop : rows.crop + kept.shape[0],
                columns.crop : columns.crop + kept.shape[1],
            ]
    return np.empty((height, width, 0), np.float32) if result is None else result


def _mirrored_window(
    image: np.ndarray,
    top: int,
    rows: geometry.TileSide,
    left: int,
    columns: geometry.TileSide,
) -> np.ndarray:
    row_indices = geometry.mirror_index(
        top - rows.before + np.arange(rows.input_size), image.shape[0]
    )
    column_indices = geometry.mirror_index(
        left - columns.before + np.arange(columns.input_size), image.shape[1]
    )
    return image[row_indices[:, np.newaxis], column_indices]
