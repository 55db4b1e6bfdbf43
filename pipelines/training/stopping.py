"""Ctrl-C and SIGTERM during a training: they wait for the end of the step."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from typing import Any

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignal:
    """Holds back the first signal to stop; the second stops at once.

    What a signal does was said before, by handlers of Python: those are called in the
    end. A signal without one does what it always does.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._received: int | None = None
        self._waits = True

    @property
    def received(self) -> bool:
        """Tells whether a signal waits."""
        return self._received is not None

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Holds signals back within the block; of no effect off the main thread.

        One that was not delivered in the block is delivered at its end.
        """
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in _SIGNALS}
            self._before = {n: one for n, one in handlers.items() if callable(one)}
        try:
            for number in self._before:
                signal.signal(number, self._receive)
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self.deliver()

    @contextlib.contextmanager
    def let_through(self) -> Iterator[None]:
        """Holds nothing back within the block, which takes longer than a step."""
        self.deliver()
        self._waits = False
        try:
            yield
        finally:
            self._waits = True

    def deliver(self) -> None:
        """Lets the signal that waits do what it was sent for."""
        number, self._received = self._received, None
        if number is not None:
            self._before[number](number, None)

    def _receive(self, number: int, frame: Any) -> None:
        if self._received is not None or not self._waits:
            self._received = None
            self._before[number](number, frame)
            return
        self._received = number
        logger.info("Stopping after this step, with a checkpoint; once more: at once.")
