"""Keras's policy of precision, set for a while."""

import contextlib
from collections.abc import Iterator

import keras

POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Builds Keras layers in a precision within the block.

    Args:
        precision: "float32", "bfloat16" or "float16"; weights stay float32.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
