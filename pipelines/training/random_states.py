"""The random numbers of the program that calls `fit`."""

import contextlib
import random
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def of_the_caller() -> Iterator[None]:
    """Leaves the random numbers of Python and NumPy as they were before the block.

    A training seeds both. A search that draws its settings and calls `fit` in a loop
    would otherwise draw the same settings again and again.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
