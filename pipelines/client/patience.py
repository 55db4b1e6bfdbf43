"""How long a request that failed is sent again, and when.

Predictions change nothing on the server, so that sending one twice is safe; what is
avoided is to load a server further that is late already.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pipelines.client.failures import WORTH_A_RETRY, Kind, ServerFailure

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0
# A server that is busy has a place again when a request ends, which may be a large one.
BUSY_LIMIT = {Kind.BUSY: 300.0}
# Of servers that have answered before: TensorFlow Serving takes a minute or two to
# start again, and a new version or a moved label is on all servers within a minute.
LIMITS = {
    **BUSY_LIMIT,
    Kind.UNREACHABLE: 120.0,
    Kind.BROKEN: 120.0,
    Kind.MISSING: 90.0,
}

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Patience:
    """The waits of one request between its tries.

    Each is twice as long as the one before, and a random part of that less, so that
    clients do not come back all at once.

    Args:
        retries: how many waits there are at least, after failures that may pass; 0 for
            no wait at all.
        limits: tells for how many seconds after the first failure there are tries, by
            what went wrong last.
        stopping: ends the waits when it is set.
        clock: seconds that pass.
    """

    def __init__(
        self,
        retries: int,
        limits: Callable[[], Mapping[Kind, float]],
        stopping: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self._retries = retries
        self._limits = limits
        self._stopping = stopping
        self._clock = clock
        self._began: float | None = None
        self._next = FIRST_WAIT_SECONDS
        self._waits = 0

    def lasts(self, failure: ServerFailure) -> bool:
        """Tells whether there is another try after a failure."""
        if self._began is None:
            self._began = self._clock()
        limit = self._limits().get(failure.kind, 0.0)
        in_time = self._clock() - self._began < limit
        in_number = failure.kind in WORTH_A_RETRY and self._waits < self._retries
        return self._retries > 0 and (in_time or in_number)

    def wait(self, failure: ServerFailure) -> bool:
        """Waits before the next try; tells whether there is one."""
        if not self.lasts(failure):
            return False
        seconds = self._next * random.uniform(0.5, 1.0)
        self._next = min(2 * self._next, LONGEST_WAIT_SECONDS)
        self._waits += 1
        return not self._stopping.wait(seconds)

    def worth_most(self, failures: Sequence[ServerFailure]) -> ServerFailure:
        """Returns the failure that is waited for the longest; of equals the first."""

        def worth(failure: ServerFailure) -> tuple[float, bool]:
            return (
                self._limits().get(failure.kind, 0.0),
                failure.kind in WORTH_A_RETRY,
            )

        return max(failures, key=worth)


def patiently(ask: Callable[[], Result], patience: Patience) -> Result:
    """Returns what `ask` returns, asking again after failures that may pass.

    Raises:
        ServerFailure: the last one.
    """
    told = False
    while True:
        try:
            return ask()
        except ServerFailure as failure:
            is_slow = failure.kind in (Kind.BUSY, Kind.MISSING)
            if is_slow and not told and patience.lasts(failure):
                _logger.info("%s Trying again for some minutes.", failure)
                told = True
            if not patience.wait(failure):
                raise
