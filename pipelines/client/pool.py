"""Several servers of one model as one: each request goes to the least busy of them."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipelines.client.failures import WORTH_A_RETRY, Kind, ServerFailure
from pipelines.client.retrying import with_retries
from pipelines.client.server import Server, check_available

# How long a server that failed is left alone while others answer.
REST_SECONDS = 10.0
# Requests at a time that keep a server busy while answers travel.
REQUESTS_EACH = 2


class ServerPool:
    """Servers that hold the same model. Its methods may be called from many threads.

    A request that one server does not answer goes to the next; it fails when each has
    failed. A request that a server refuses fails at once: the others would refuse it
    too.

    Args:
        servers: at least one.
        retries: how many more times than once each is asked.
        clock: seconds that pass.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        retries: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.servers = list(servers)
        self._retries = retries
        self._clock = clock
        self._lock = threading.Lock()
        self._busy = [0] * len(self.servers)
        self._rests_until = [0.0] * len(self.servers)

    @property
    def num_requests(self) -> int:
        """How many requests at a time keep all of them busy."""
        return REQUESTS_EACH * len(self.servers)

    def check(self) -> None:
        """Raises ServerFailure unless a server has an available version.

        Those that have none are left alone for a while.
        """
        with_retries(self._check, self._retries)

    def pinned(self) -> "ServerPool":
        """Returns the same servers, which answer with one version from now on.

        That which answers now: what is put together of many answers must not change
        its net in the middle.

        Raises:
            ServerFailure: none answers, or not all with one version.
        """
        answering: dict[int, str] = {}
        failures = []
        for server in self.servers:
            try:
                answering[server.answering_version()] = server.address.text
            except ServerFailure as failure:
                failures.append(failure)
        if not answering:
            raise failures[0]
        if len(answering) > 1:
            said = ", ".join(f"{n} at {text}" for n, text in sorted(answering.items()))
            raise ServerFailure(
                f"The servers answer with different versions ({said}), of which no "
                "mask can be put together. Wait until all serve the same one, or name "
                "a version in each address (/versions/N).",
                Kind.REFUSED,
            )
        (version,) = answering
        servers = [server.pinned(version) for server in self.servers]
        return ServerPool(servers, self._retries, self._clock)

    def _check(self) -> None:
        failures = []
        for index, server in enumerate(self.servers):
            try:
                check_available(server)
            except ServerFailure as failure:
                failures.append(failure)
                self._rest(index)
        if len(failures) == len(self.servers):
            may_pass = (one for one in failures if one.kind in WORTH_A_RETRY)
            raise next(may_pass, failures[0])

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature on one of the servers; as `Server.predict`."""
        asked: set[int] = set()
        while True:
            index = self._take(asked)
            server = self.servers[index]
            # The last one that is left is given time to come back.
            alone = len(asked) == len(self.servers) - 1
            try:
                return with_retries(
                    lambda server=server: server.predict(signature, inputs),  # type: ignore[misc]
                    self._retries if alone else min(1, self._retries),
                )
            except ServerFailure as failure:
                if failure.kind is Kind.REFUSED or alone:
                    raise
                asked.add(index)
                self._rest(index)
            finally:
                with self._lock:
                    self._busy[index] -= 1

    def close(self) -> None:
        """Ends the connections."""
        for server in self.servers:
            server.close()

    def _take(self, asked: set[int]) -> int:
        """Chooses a server that was not asked yet: awake ones first, then idle ones."""
        with self._lock:
            now = self._clock()
            index = min(
                (index for index in range(len(self.servers)) if index not in asked),
                key=lambda index: (self._rests_until[index] > now, self._busy[index]),
            )
            self._busy[index] += 1
            return index

    def _rest(self, index: int) -> None:
        with self._lock:
            self._rests_until[index] = self._clock() + REST_SECONDS
