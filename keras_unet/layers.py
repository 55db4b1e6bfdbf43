"""The layers that Keras lacks."""

import random
from typing import Any

import keras
import tensorflow as tf

from keras_unet import geometry, recomputing
from keras_unet.fused_normalization import FusedBatchNormalization

__all__ = ["FusedBatchNormalization", "InputSizeCheck", "SeededDropout"]

_SIDES = (("height", 1), ("width", 2))


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
        geometry.check_variant(variant)
        self.depth = geometry.check_depth(depth)
        self.variant = variant
        # Keras itself says what is wrong with an image that is no batch.
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """Returns `image`, (batch, height, width, channels), unchanged."""
        self._check_known_sides(image.shape)
        checks = [
            self._check_in_graph(side, tf.shape(image)[axis])
            for side, axis in _SIDES
            if image.shape[axis] is None
        ]
        if not checks:
            return image
        with tf.control_dependencies(checks):
            return tf.identity(image)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`; Keras 3 asks for it in place of a symbolic call."""
        self._check_known_sides(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "depth": self.depth, "variant": self.variant}

    def _check_known_sides(self, shape: Any) -> None:
        for side, axis in _SIDES:
            if shape[axis] is not None:
                geometry.check_input_size(side, shape[axis], self.depth, self.variant)

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
        # There are no numbers to reshape, so that none fits into a size of 1 either.
        with tf.control_dependencies([words]):
            return tf.reshape(
                tf.zeros([0]),
                [tf.where(fits, 0, tf.maximum(1, size))],
                name=f"{side}_does_not_fit.legal_sizes_are_{least}_{least + step}"
                f"_{least + 2 * step}_and_every_{step}_more",
            )


class _Counter(tf.__internal__.tracking.AutoTrackable):
    """Holds a variable that TensorFlow saves, but that is no weight to Keras.

    Keras does not look into this kind of object (it would into a `tf.Module`), and
    functions that are saved reach the variable through it.
    """

    def __init__(self) -> None:
        # A layer may be made while a graph is built; its variable outlives the graph.
        with tf.init_scope():
            self.variable = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )


@keras.saving.register_keras_serializable(package="keras_unet")
class SeededDropout(keras.layers.Layer):
    """Dropout whose masks are a function of a seed, a step and the shape alone.

    The random state of `keras.layers.Dropout` is not saved, so that a training that
    was interrupted cannot go on with the masks it would have had. Here it needs the
    step only. Masks are the same in every precision, and on all replicas of a
    `tf.distribute` strategy, each of which has images of its own. Where XLA compiles
    the step (`jit_compile`) they are others, for it draws other numbers.

    Args:
        rate: share of the numbers set to 0, from 0 to below 1; the others are divided
            by 1 - rate, which keeps the mean.
        seed: whole number; by default drawn from Python's `random`, which
            `keras.utils.set_random_seed` sets. It is kept when the layer is saved.

    Attributes:
        step: training calls so far; may be set. Not in .keras files: a loaded layer
            begins at 0.

    Raises:
        ValueError: rate is out of range.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be a share from 0 to below 1, got {rate}.")
        self.rate = rate
        self.seed = random.randrange(2**31) if seed is None else int(seed)
        self.supports_masking = True
        self._counter = _Counter()

    @property
    def step(self) -> int:
        """Training calls so far."""
        return int(self._counter.variable.numpy())

    @step.setter
    def step(self, step: int) -> None:
        self._counter.variable.assign(step)

    def call(self, inputs: tf.Tensor, training: Any = None) -> tf.Tensor:
        """Returns `inputs`, in training with a share of the numbers set to 0."""
        if self.rate == 0:
            return inputs
        # Keras 2 builds models with a tensor.
        if tf.is_tensor(training):
            return tf.cond(
                tf.cast(training, tf.bool),
                lambda: self._dropped(inputs),
                lambda: tf.identity(inputs),
            )
        return self._dropped(inputs) if training else inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `input_shape`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}

    def _next_step(self) -> tf.Tensor:
        step = self._counter.variable.read_value()
        self._counter.variable.assign_add(1)
        return step

    def _dropped(self, inputs: tf.Tensor) -> tf.Tensor:
        step = recomputing.once(self, self._next_step)
        # float32 also under mixed precision: bfloat16 has 128 numbers from 0.5 to 1
        # only, and rates would be rounded to them.
        uniform = tf.random.stateless_uniform(
            tf.shape(inputs),
            tf.stack([tf.constant(self.seed, tf.int64), step]),
            # Named, so that masks do not depend on the device.
            alg="philox",
        )
        kept = inputs * tf.cast(1 / (1 - self.rate), inputs.dtype)
        return tf.where(uniform >= self.rate, kept, tf.zeros_like(kept))
