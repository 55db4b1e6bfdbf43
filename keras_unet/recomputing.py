"""Features that are computed again in the backward pass instead of being kept.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost" (arXiv:1604.06174).
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf


class _Calls:
    """The calls of one function: how many, and what the first has kept for others."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: dict[int, Any] = {}


_calls: contextvars.ContextVar[_Calls | None] = contextvars.ContextVar(
    "calls", default=None
)


def is_again() -> bool:
    """Tells whether layers are called for a second time on the same features.

    Then nothing may change that the first time has changed already: no statistics, no
    counter of random numbers.
    """
    calls = _calls.get()
    return calls is not None and calls.count > 1


def once(owner: object, make: Callable[[], Any]) -> Any:
    """Returns what `make` gives; the second time what it gave the first time.

    Args:
        owner: whose it is.
        make: is called the first time.
    """
    calls = _calls.get()
    if calls is None:
        return make()
    if id(owner) not in calls.kept:
        calls.kept[id(owner)] = make()
    return calls.kept[id(owner)]


def recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that keeps only its arguments for the backward pass.

    Args:
        function: of tensors; what is returned may be called once.
    """
    calls = _Calls()

    def counted(*tensors: tf.Tensor) -> Any:
        calls.count += 1
        with _current(calls):
            return function(*tensors)

    return tf.recompute_grad(counted)


@contextlib.contextmanager
def _current(calls: _Calls) -> Iterator[None]:
    token = _calls.set(calls)
    try:
        yield
    finally:
        _calls.reset(token)
