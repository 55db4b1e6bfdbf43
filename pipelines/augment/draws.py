"""Random numbers that are the same bits alone, in a graph and compiled by XLA.

`tf.random.stateless_normal` gives other numbers when XLA compiles it; the whole numbers
of the Philox generator are the same everywhere, so all draws are made from those.
"""

from collections.abc import Sequence

import tensorflow as tf

# Of a random number. With more, float32 rounds the last steps before 1 up to it, where
# the normal is infinite.
BITS = 22


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Returns `count` seeds, each int32 (2,), that depend on one seed."""
    return tf.unstack(_whole_numbers(seed, [count, 2]))


def uniform(
    seed: tf.Tensor, shape: Sequence[int], low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """Returns float32 numbers of `shape`, evenly spread between `low` and `high`.

    Neither bound is reached before the last rounding.
    """
    return low + (high - low) * (0.5 + 0.5 * _between_minus_one_and_one(seed, shape))


def whole(seed: tf.Tensor, shape: Sequence[int], bound: int) -> tf.Tensor:
    """Returns int32 numbers of `shape` from 0 to `bound` - 1; bound at most 2**16."""
    return tf.cast(tf.floor(uniform(seed, shape, 0.0, float(bound))), tf.int32)


def normal(seed: tf.Tensor, shape: Sequence[int], std: float = 1.0) -> tf.Tensor:
    """Returns normal float32 numbers of `shape` with mean 0; at most 5.2 `std` away."""
    return std * 2**0.5 * tf.math.erfinv(_between_minus_one_and_one(seed, shape))


def _between_minus_one_and_one(seed: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    numbers = tf.bitwise.right_shift(_whole_numbers(seed, shape), 32 - BITS)
    # Half a step more: both ends stay out, and the mean is 0.
    return (tf.cast(numbers, tf.float32) + 0.5) * 2.0 ** (1 - BITS)


def _whole_numbers(seed: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    # XLA's own choice of generator is a hundred times slower on TensorFlow 2.21.
    return tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
