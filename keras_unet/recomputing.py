"""Features that are computed again in the backward pass instead of being kept.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost" (arXiv:1604.06174).
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

_again = contextvars.ContextVar("again", default=False)


def is_again() -> bool:
    """Tells whether layers are called for a second time on the same features.

    Then nothing may change that the first time has changed already: no statistics, no
    counter of random numbers.
    """
    return _again.get()


def recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that keeps only its arguments for the backward pass.

    Args:
        function: of tensors; what is returned may be called once.
    """
    calls = 0

    def marked(*tensors: tf.Tensor) -> Any:
        nonlocal calls
        calls += 1
        with _marked(calls > 1):
            return function(*tensors)

    return tf.recompute_grad(marked)


@contextlib.contextmanager
def _marked(again: bool) -> Iterator[None]:
    token = _again.set(again)
    try:
        yield
    finally:
        _again.reset(token)
