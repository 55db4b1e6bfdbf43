"""Several servers of one model as one: each request goes to the least busy of them."""

import contextlib
import copy
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipelines.client.failures import NOT_AGAIN, STUCK, SUSPICIOUS, Kind, ServerFailure
from pipelines.client.members import (
    Answer,
    Answers,
    Condition,
    Member,
    any_available,
    at_once,
    versions_of,
)
from pipelines.client.patience import BUSY_LIMIT, LIMITS, Patience, patiently
from pipelines.client.rest_rows import Inputs
from pipelines.client.server import Server, check_available, check_back
from pipelines.client.turns import Turns

# Requests at a time that keep a server busy while answers travel.
REQUESTS_EACH = 2
# A request that kills servers, or that they cannot end, is not carried to all of them.
MOST_SUSPICIONS = 2

_logger = logging.getLogger(__name__)


class ServerPool:
    """Servers that hold the same model. Its methods may be called from many threads.

    A request that one server does not answer goes to the next. When all have failed, it
    is tried again for as long as such failures take to pass (`patience`). A request
    that a server refuses fails at once: the others would refuse it too. One that may
    have ended a server is sent again alone, so that those beside it are not suspected.

    Args:
        servers: at least one.
        retries: how many times more than once they are asked at least; 0 for never.
        clock: seconds that pass.
        stopping: ends all waits when it is set.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        retries: int,
        clock: Callable[[], float] = time.monotonic,
        stopping: threading.Event | None = None,
    ) -> None:
        self._members = [Member(server, Condition()) for server in servers]
        self._retries = retries
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._turns = Turns(clock)
        # Before, a server that is away or lacks the model may be a wrong address. Its
        # status does not tell: it is the same for every label.
        self._has_answered = False

    @property
    def servers(self) -> list[Server]:
        """All of them."""
        return [member.server for member in self._members]

    @property
    def num_requests(self) -> int:
        """How many requests at a time keep all of them busy."""
        return REQUESTS_EACH * len(self._members)

    def check(self) -> None:
        """Raises ServerFailure unless a server has an available version."""
        patiently(lambda: self._ask_each(check_available), self._patience())

    def agreed(
        self,
        ask: Callable[[Server], Answer],
        difference: Callable[[Answers], str],
    ) -> Answer:
        """Returns what all servers say that answer, once they say the same.

        Args:
            ask: one server.
            difference: says of different answers, in a sentence, what they are.

        Raises:
            ServerFailure: none answers, or they go on to differ.
        """

        def once() -> Answer:
            answers = self._ask_each(ask)
            self._has_answered = True
            _, first = answers[0]
            if any(answer != first for _, answer in answers):
                # While a new version reaches one after the other.
                raise ServerFailure(difference(answers), Kind.MISSING)
            return first

        return patiently(once, self._patience())

    def answering_version(self) -> int:
        """Returns the version that all answer with.

        Raises:
            ServerFailure: none answers, or they answer with different ones.
        """
        return self.agreed(lambda server: server.answering_version(), versions_of)

    def pinned(self) -> "ServerPool":
        """Returns the same servers, which answer with one version from now on.

        That which answers now: what is put together of many answers must not change
        its net in the middle.

        Raises:
            ServerFailure: as of `answering_version`.
        """
        version = self.answering_version()
        return self.mapped(lambda server: server.pinned(version))

    def mapped(self, other: Callable[[Server], Server]) -> "ServerPool":
        """Returns the same machines, asked through other clients of them."""
        pool = copy.copy(self)
        pool._members = [
            dataclasses.replace(member, server=other(member.server))
            for member in self._members
        ]
        return pool

    def impatient(self) -> "ServerPool":
        """Returns the same servers, which are asked but once."""
        pool = copy.copy(self)
        pool._retries = 0
        return pool

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature on one of the servers; as `Server.predict`.

        Raises:
            ServerFailure: no server answers. It is the request's own failure
                (`of_request`) if servers failed on it that are well otherwise.
        """
        patience, inputs = self._patience(), Inputs(inputs)
        failed: dict[Member, ServerFailure] = {}
        suspicions: list[ServerFailure] = []
        while True:
            is_suspect = any(failure.kind is Kind.BROKEN for failure in suspicions)
            left = [member for member in self._members if member not in failed]
            with self._turns.taken(left, alone=is_suspect) as member:
                try:
                    if is_suspect:
                        check_back(member.server)
                    answer = member.server.predict(signature, inputs)
                except ServerFailure as failure:
                    if failure.kind is Kind.REFUSED:
                        raise
                    self._cool_down(member, failure)
                    failed[member] = failure
                    if failure.kind in SUSPICIOUS:
                        suspicions.append(failure)
                else:
                    self._turns.recover(member)
                    self._has_answered = True
                    return answer
            if len(suspicions) >= MOST_SUSPICIONS:
                break
            if len(failed) == len(self._members):
                worst = patience.worth_most(list(failed.values()))
                suspects = [m for m, f in failed.items() if f.kind in STUCK]
                # Nobody waits for the others once one that is well has failed on it.
                is_told = worst.kind not in NOT_AGAIN and any_available(suspects)
                if is_told or not patience.wait(worst):
                    break
                failed = {m: f for m, f in failed.items() if f.kind in NOT_AGAIN}
        raise self._verdict(suspicions, list(failed.values()), patience)

    def close(self) -> None:
        """Ends the waits and the connections, and so the requests under way."""
        self._stopping.set()
        self._turns.close()
        for server in self.servers:
            server.close()

    def _patience(self) -> Patience:
        return Patience(self._retries, self._limits, self._stopping, self._clock)

    def _limits(self) -> Mapping[Kind, float]:
        return LIMITS if self._has_answered else BUSY_LIMIT

    def _verdict(
        self,
        suspicions: list[ServerFailure],
        failures: list[ServerFailure],
        patience: Patience,
    ) -> ServerFailure:
        """Returns the failure to raise, and tells whether the request is at fault."""
        # A connection may break once for other reasons.
        if [f.kind for f in suspicions] in ([], [Kind.BROKEN]):
            return patience.worth_most(failures)
        failure = suspicions[-1]
        with contextlib.suppress(ServerFailure):
            if not failure.of_request:
                # After a while, if it has killed them.
                self.check()
            failure.of_request = True
        return failure

    def _ask_each(self, ask: Callable[[Server], Answer]) -> Answers:
        """Asks those that do not cool down at once; the others if none answers.

        Raises:
            ServerFailure: none answers.
        """
        cooling = self._turns.cooling(self._members)
        awake = [member for member in self._members if member not in cooling]
        failures: list[ServerFailure] = []
        for members in (awake, cooling):
            answers: Answers = []
            for member, answer in at_once(ask, members):
                if isinstance(answer, ServerFailure):
                    self._cool_down(member, answer)
                    failures.append(answer)
                else:
                    self._turns.recover(member)
                    answers.append((member.server, answer))
            if answers:
                return answers
        raise self._patience().worth_most(failures)

    def _cool_down(self, member: Member, failure: ServerFailure) -> None:
        is_lost = self._turns.fail(member, failure.kind)
        # Of the only one, at first, it is the error.
        if is_lost and (self._has_answered or self._members[1:]):
            _logger.warning("%s It is tried again later.", failure)
