"""A version as it was written: loaded, asked, measured."""

import pathlib
import time
from collections.abc import Mapping

import numpy as np
import tensorflow as tf


class SavedVersion:
    """A SavedModel read back from its folder.

    Args:
        folder: of the version.

    Attributes:
        load_seconds: that reading took.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        start = time.perf_counter()
        self._model = tf.saved_model.load(str(folder))
        self.load_seconds = time.perf_counter() - start

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name."""
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        outputs = self._model.signatures[signature](**tensors)
        return {name: np.asarray(one.numpy()) for name, one in outputs.items()}
