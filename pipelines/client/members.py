"""The servers of a pool, and how they are."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipelines.client.failures import LOSSES, Kind, ServerFailure
from pipelines.client.server import Server, check_available
from pipelines.client.workers import Workers

# How long a server that failed is left alone while others answer; twice as long after
# each further failure without an answer between.
COOL_DOWN_SECONDS = 10.0
LONGEST_COOL_DOWN_SECONDS = 640.0

Answer = TypeVar("Answer")
Answers = list[tuple[Server, Answer]]


@dataclasses.dataclass
class Condition:
    """How a machine is. The caller holds a lock.

    Attributes:
        busy: requests that are under way, or next.
        is_reserved: for one request alone.
        failures: since it answered last.
        cools_until: when others are no longer preferred to it.
        is_lost: it was found to be away since it answered last.
    """

    busy: int = 0
    is_reserved: bool = False
    failures: int = 0
    cools_until: float = 0.0
    is_lost: bool = False

    def rank(self, now: float) -> tuple[bool, bool, int]:
        """Returns what is the less the sooner it is asked: awake ones, then idle."""
        return self.cools_until > now, self.is_reserved, self.busy

    def fail(self, kind: Kind, now: float) -> bool:
        """Leaves it alone for a while; tells whether it was not lost before and is."""
        # Requests that fail at once are one failure; a busy server is well.
        if kind is not Kind.BUSY and self.cools_until <= now:
            self.failures += 1
        seconds = COOL_DOWN_SECONDS * 2 ** max(0, self.failures - 1)
        self.cools_until = now + min(seconds, LONGEST_COOL_DOWN_SECONDS)
        was_lost, self.is_lost = self.is_lost, self.is_lost or kind in LOSSES
        return self.is_lost and not was_lost

    def recover(self) -> None:
        """Takes it for well again."""
        self.failures, self.cools_until, self.is_lost = 0, 0.0, False


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """A server of a pool; its condition is that of the machine, in other pools too."""

    server: Server
    condition: Condition


def at_once(
    ask: Callable[[Server], Answer], members: Sequence[Member]
) -> list[tuple[Member, Answer | ServerFailure]]:
    """Asks all members at the same time.

    Returns:
        What each says, or how it failed.
    """

    def asked(member: Member) -> tuple[Member, Answer | ServerFailure]:
        try:
            return member, ask(member.server)
        except ServerFailure as failure:
            return member, failure

    if len(members) <= 1:
        return [asked(member) for member in members]
    workers = Workers(len(members))
    try:
        futures = [workers.submit(asked, member) for member in members]
        return [future.result() for future in futures]
    finally:
        workers.shutdown(wait=False)


def any_available(members: Sequence[Member]) -> bool:
    """Tells whether a member says that it has an available version."""
    answers = at_once(check_available, members)
    return any(not isinstance(answer, ServerFailure) for _, answer in answers)


def versions_of(answers: Answers) -> str:
    """Says that servers answer with different versions, in a sentence with these."""
    said = {version: server.address.text for server, version in answers}
    places = ", ".join(f"{number} at {text}" for number, text in sorted(said.items()))
    return (
        f"The servers answer with different versions ({places}), of which no mask can "
        "be put together. Wait until all serve the same one, or name a version in each "
        "address (/versions/N)."
    )
