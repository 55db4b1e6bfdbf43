"""The layers that Keras lacks."""

from typing import Any

import keras
import tensorflow as tf

from keras_unet import geometry


@keras.saving.register_keras_serializable(package="keras_unet")
class InputSizeCheck(keras.layers.Layer):
    """Passes images through and refuses those whose sizes do not fit the U-Net.

    Without it the user would read of a failed concatenation deep in the net. Sizes
    that are known are checked in Python; others when the graph runs.

    Args:
        depth: number of poolings of the net.
        variant: "paper" or "padded".

    Raises:
        ValueError: height or width do not fit (a `tf.errors.InvalidArgumentError`
            with the same words where the size is only known in the running graph;
            one that names side, size and legal sizes where XLA compiles the graph).
    """

    def __init__(self, depth: int, variant: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth
        self.variant = variant

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """Returns `image`, (batch, height, width, channels), unchanged."""
        shape = image.shape
        checks = []
        for side, axis in (("height", 1), ("width", 2)):
            if shape[axis] is None:
                checks.append(self._check_in_graph(side, tf.shape(image)[axis]))
            else:
                geometry.check_input_size(side, shape[axis], self.depth, self.variant)
        if not checks:
            return image
        with tf.control_dependencies(checks):
            return tf.identity(image)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "depth": self.depth, "variant": self.variant}

    def _check_in_graph(self, side: str, size: tf.Tensor) -> tf.Tensor:
        least = geometry.least_input_size(self.depth, self.variant)
        step = 2**self.depth
        below = tf.maximum(least, least + (size - least) // step * step)
        above = least + tf.maximum(0, -((least - size) // step)) * step
        rule = geometry.input_size_rule(self.depth, self.variant)
        fits = tf.logical_and(tf.equal((size - least) % step, 0), size >= least)
        words = tf.debugging.Assert(
            fits,
            [
                f"{side} does not fit the {self.variant} U-Net of depth {self.depth}:",
                size,
                f"legal sizes are {rule}; nearest:",
                below,
                above,
            ],
        )
        # XLA (jit_compile) leaves assertions out. It does refuse this reshape: its
        # message quotes the size, as the shape asked for, and the operation's name.
        with tf.control_dependencies([words]):
            return tf.reshape(
                [0],
                [tf.where(fits, 1, size)],
                name=f"{side}_does_not_fit.legal_sizes_are_{least}_{least + step}"
                f"_{least + 2 * step}_and_every_{step}_more",
            )
