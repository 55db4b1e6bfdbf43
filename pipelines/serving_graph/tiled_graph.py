"""The loop over the tiles of one image, as TensorFlow operations.

The plan is that of `predict` (`keras_unet.geometry`). Windows are cut from the pixels
as they came, and what the net makes of each is decided at once: in memory are the
image, its result and one tile.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from keras_unet import geometry


@dataclasses.dataclass(frozen=True)
class Margins:
    """Pixels that a region of an image needs around it.

    Attributes:
        before: above and on the left.
        after: below and on the right.
        alignment: origin, height and width of a region are multiples of it.
    """

    before: int
    after: int
    alignment: int


def margins(depth: int, variant: str) -> Margins:
    """Returns the margins with which a region's result is that of the whole image."""
    step = 2**depth
    side = geometry.plan_side(step, step, depth, variant)
    return Margins(side.before, side.input_size - side.core - side.before, step)


@dataclasses.dataclass(frozen=True)
class Decision:
    """What is kept of the net's outputs.

    Attributes:
        function: from outputs (rows, columns, output_channels) to (rows, columns,
            channels) of `dtype`.
        dtype: of what is kept.
        channels: of what is kept.
    """

    function: Callable[[tf.Tensor], tf.Tensor]
    dtype: tf.DType
    channels: int


class TiledGraph:
    """A net applied tile by tile.

    Args:
        tile_outputs: from a window (rows, columns, channels) as it came, and the
            image's mean and s.d., float32 (channels,), to what the net puts out of
            it, (rows, columns, output_channels).
        depth: number of poolings.
        variant: "paper" or "padded".
        largest_core: the most pixels of a side that one tile keeps.
    """

    def __init__(
        self,
        tile_outputs: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
        *,
        depth: int,
        variant: str,
        largest_core: int,
    ) -> None:
        self._tile_outputs = tile_outputs
        self._depth = depth
        self._variant = variant
        self._largest_core = largest_core
        self._margins = margins(depth, variant)

    def image(
        self,
        pixels: tf.Tensor,
        mean: tf.Tensor,
        std: tf.Tensor,
        decide: Decision,
    ) -> tf.Tensor:
        """Segments a whole image, which is mirrored at its borders.

        Args:
            pixels: (height, width, channels), values as in the file.
            mean: float32 (channels,).
            std: float32 (channels,).
            decide: what is kept of the outputs.

        Returns:
            (height, width, decide.channels) of decide.dtype.
        """
        shape = tf.shape(pixels)
        before = self._margins.before

        def outputs(top: tf.Tensor, left: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
            window = mirrored_window(pixels, top - before, left - before, sizes)
            return decide.function(self._tile_outputs(window, mean, std))

        return self._stitched(shape[0], shape[1], outputs, decide)

    def region(
        self,
        window: tf.Tensor,
        mean: tf.Tensor,
        std: tf.Tensor,
        decide: Decision,
    ) -> tf.Tensor:
        """Segments a region that comes with its margins; arguments as for `image`.

        Args:
            window: (before + height + after, before + width + after, channels);
                height and width are multiples of `alignment`, for other pixels see
                farther than the margins.
            mean: of the whole image.
            std: of the whole image.
            decide: what is kept of the outputs.

        Returns:
            (height, width, decide.channels) of decide.dtype.
        """
        around = self._margins.before + self._margins.after
        shape = tf.shape(window)

        def outputs(top: tf.Tensor, left: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
            # The last tiles reach beyond the window, for pixels that are not kept and
            # that no kept one sees: any values do.
            part = mirrored_window(window, top, left, sizes)
            return decide.function(self._tile_outputs(part, mean, std))

        height, width = shape[0] - around, shape[1] - around
        return self._stitched(height, width, outputs, decide)

    def _stitched(
        self,
        height: tf.Tensor,
        width: tf.Tensor,
        outputs: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
        decide: Decision,
    ) -> tf.Tensor:
        """Lays the cores of all tiles side by side, row by row of tiles."""
        rows, columns = (
            geometry.plan_side(size, self._largest_core, self._depth, self._variant)
            for size in (height, width)
        )
        sizes = tf.stack([rows.input_size, columns.input_size])

        def band(number: tf.Tensor) -> tf.Tensor:
            top = number * rows.core
            # Of the last row only what the image has: one pixel may be a whole tile.
            kept = tf.minimum(rows.core, height - top)

            def tile(number: tf.Tensor) -> tf.Tensor:
                part = outputs(top, number * columns.core, sizes)
                part = part[
                    rows.crop : rows.crop + kept,
                    columns.crop : columns.crop + columns.core,
                ]
                return tf.transpose(part, [1, 0, 2])

            turned = _joined(tile, columns.num_tiles, decide)[:width]
            return tf.transpose(turned, [1, 0, 2])

        return _joined(band, rows.num_tiles, decide)


def mirrored_window(
    pixels: tf.Tensor, top: tf.Tensor, left: tf.Tensor, sizes: tf.Tensor
) -> tf.Tensor:
    """Cuts a window that may reach beyond the image, where it is mirrored.

    Args:
        pixels: (height, width, channels).
        top: int32 (), also negative or beyond the image.
        left: int32 ().
        sizes: int32 (2,), height and width of the window.
    """
    shape = tf.shape(pixels)
    rows = geometry.mirror_index(top + tf.range(sizes[0]), shape[0])
    columns = geometry.mirror_index(left + tf.range(sizes[1]), shape[1])
    # First a part no larger than the window: rows as wide as the image would take
    # many times an image that is wide and flat.
    first_row, first_column = tf.reduce_min(rows), tf.reduce_min(columns)
    part = pixels[
        first_row : tf.reduce_max(rows) + 1, first_column : tf.reduce_max(columns) + 1
    ]
    part = tf.gather(part, rows - first_row, axis=0)
    return tf.gather(part, columns - first_column, axis=1)


def _joined(
    part: Callable[[tf.Tensor], tf.Tensor], count: tf.Tensor, decide: Decision
) -> tf.Tensor:
    """Returns part(0), part(1), ... one below the other, made one at a time."""
    parts = tf.TensorArray(
        decide.dtype,
        size=count,
        infer_shape=False,
        element_shape=(None, None, decide.channels),
    )
    _, parts = tf.while_loop(
        lambda number, _: number < count,
        lambda number, parts: (number + 1, parts.write(number, part(number))),
        (tf.constant(0), parts),
        parallel_iterations=1,
    )
    return parts.concat()
