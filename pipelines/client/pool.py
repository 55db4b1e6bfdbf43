"""Several servers of one model as one: each request goes to the least busy of them."""

import copy
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np

from pipelines.client.failures import WORTH_A_RETRY, Kind, ServerFailure
from pipelines.client.retrying import BUSY_SECONDS, with_retries
from pipelines.client.server import Server, check_available

# How long a server that failed is left alone while others answer; twice as long after
# each further failure without an answer between.
REST_SECONDS = 10.0
LONGEST_REST_SECONDS = 640.0
# Requests at a time that keep a server busy while answers travel.
REQUESTS_EACH = 2

Answer = TypeVar("Answer")


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
        self._failures = [0] * len(self.servers)
        self._members = list(range(len(self.servers)))

    @property
    def num_requests(self) -> int:
        """How many requests at a time keep all of them busy."""
        return REQUESTS_EACH * len(self._members)

    def check(self) -> None:
        """Raises ServerFailure unless a server has an available version.

        Those that have none are left alone for a while.
        """
        given_up: set[int] = set()
        with_retries(lambda: self._check(given_up), self._retries)

    def pinned(self) -> "ServerPool":
        """Returns the same servers, which answer with one version from now on.

        That which answers now: what is put together of many answers must not change
        its net in the middle.

        Raises:
            ServerFailure: none answers, or not all with one version.
        """
        version = self._patiently(self._common_version)
        # Shares lock, loads and rests, for they are the same machines.
        pool = copy.copy(self)
        pool.servers = [server.pinned(version) for server in self.servers]
        return pool

    def of_those(self, servers: Collection[Server]) -> "ServerPool":
        """Returns a pool in which only some of the servers are asked."""
        pool = copy.copy(self)
        pool._members = [i for i in self._members if self.servers[i] in servers]
        return pool

    def _check(self, given_up: set[int]) -> None:
        """As `check`, once; `given_up` are those that are not worth another try."""
        failures = []
        answered = False
        for index, server in enumerate(self.servers):
            if index in given_up:
                continue
            try:
                check_available(server)
            except ServerFailure as failure:
                failures.append(failure)
                self._rest(index, failure.kind)
                if failure.kind not in WORTH_A_RETRY:
                    given_up.add(index)
            else:
                answered = True
                self._wake(index)
        if not answered:
            raise _worth_most(failures)

    def _common_version(self) -> int:
        """Returns the version that those answer with that are awake."""
        answers = self._ask_each(lambda server: server.answering_version())
        answering = {version: server.address.text for server, version in answers}
        if len(answering) > 1:
            said = ", ".join(f"{n} at {text}" for n, text in sorted(answering.items()))
            raise ServerFailure(
                f"The servers answer with different versions ({said}), of which no "
                "mask can be put together. Wait until all serve the same one, or name "
                "a version in each address (/versions/N).",
                Kind.REFUSED,
            )
        (version,) = answering
        return version

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Waits for busy servers as long as a prediction does."""
        busy_seconds = BUSY_SECONDS if self._retries else 0.0
        return with_retries(ask, self._retries, busy_seconds=busy_seconds)

    def _ask_each(self, ask: Callable[[Server], Answer]) -> list[tuple[Server, Answer]]:
        """Asks those that are awake, or else the first that answers.

        Raises:
            ServerFailure: none answers.
        """
        answers: list[tuple[Server, Answer]] = []
        failures = []
        for index, is_resting in self._awake_first():
            if is_resting and answers:
                break
            server = self.servers[index]
            try:
                answers.append((server, ask(server)))
            except ServerFailure as failure:
                failures.append(failure)
                self._rest(index, failure.kind)
        if not answers:
            raise _worth_most(failures)
        return answers

    def _awake_first(self) -> list[tuple[int, bool]]:
        """Returns the servers, and which of them rest."""
        with self._lock:
            now = self._clock()
            found = [(index, self._rests_until[index] > now) for index in self._members]
        return sorted(found, key=lambda pair: pair[1])

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature on one of the servers; as `Server.predict`."""
        asked: set[int] = set()
        busy: set[int] = set()
        patient_until = self._clock() + (BUSY_SECONDS if self._retries else 0.0)
        single = len(self._members) == 1
        while True:
            index = self._take(asked)
            server = self.servers[index]
            # The last one that is left is given time to come back.
            alone = len(asked) == len(self._members) - 1
            try:
                answer = with_retries(
                    lambda server=server: server.predict(signature, inputs),  # type: ignore[misc]
                    self._retries if alone else min(1, self._retries),
                    busy_seconds=BUSY_SECONDS if single and self._retries else 0.0,
                )
            except ServerFailure as failure:
                if failure.kind is Kind.REFUSED:
                    raise
                asked.add(index)
                self._rest(index, failure.kind)
                if failure.kind is Kind.BUSY:
                    busy.add(index)
                if alone:
                    if single or not busy or self._clock() >= patient_until:
                        raise
                    # Of those that are busy the first with a place takes it.
                    asked -= busy
                    busy.clear()
            else:
                self._wake(index)
                return answer
            finally:
                with self._lock:
                    self._busy[index] -= 1

    def predict_each(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> list[tuple[Server, dict[str, np.ndarray]]]:
        """Runs a signature on each server that answers.

        Raises:
            ServerFailure: none does.
        """
        return self._patiently(
            lambda: self._ask_each(lambda server: server.predict(signature, inputs))
        )

    def close(self) -> None:
        """Ends the connections."""
        for server in self.servers:
            server.close()

    def _take(self, asked: set[int]) -> int:
        """Chooses a server that was not asked yet: awake ones first, then idle ones."""
        with self._lock:
            now = self._clock()
            index = min(
                (index for index in self._members if index not in asked),
                key=lambda index: (self._rests_until[index] > now, self._busy[index]),
            )
            self._busy[index] += 1
            return index

    def _rest(self, index: int, kind: Kind) -> None:
        with self._lock:
            # Requests that fail at once are one failure; a busy server is well.
            if kind is not Kind.BUSY and self._rests_until[index] <= self._clock():
                self._failures[index] += 1
            seconds = REST_SECONDS * 2 ** max(0, self._failures[index] - 1)
            seconds = min(seconds, LONGEST_REST_SECONDS)
            self._rests_until[index] = self._clock() + seconds

    def _wake(self, index: int) -> None:
        with self._lock:
            self._rests_until[index], self._failures[index] = 0.0, 0


def _worth_most(failures: list[ServerFailure]) -> ServerFailure:
    """Returns the first failure that may pass, or else the first."""
    may_pass = (failure for failure in failures if failure.kind in WORTH_A_RETRY)
    return next(may_pass, failures[0])
