"""Which server a request goes to, and when it has it for itself."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from pipelines.client.failures import Kind
from pipelines.client.members import Member


class Turns:
    """Gives requests their servers, and keeps the conditions of these.

    A request that may have ended a server is sent again alone: those that were under
    way beside it would be taken for what ended the next one too.

    Args:
        clock: seconds that pass.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._is_closed = False

    @contextlib.contextmanager
    def taken(self, members: Sequence[Member], *, alone: bool) -> Iterator[Member]:
        """Lends the best of the servers: awake ones first, then idle ones.

        Args:
            members: to choose from.
            alone: waits until nothing else is under way there, and nothing else is
                sent there meanwhile.
        """
        member = self._take(members, alone)
        try:
            yield member
        finally:
            with self._changed:
                member.condition.busy -= 1
                if alone:
                    member.condition.is_reserved = False
                self._changed.notify_all()

    def fail(self, member: Member, kind: Kind) -> bool:
        """Leaves a server alone for a while; as of `Condition.fail`."""
        with self._changed:
            return member.condition.fail(kind, self._clock())

    def recover(self, member: Member) -> None:
        """Takes a server for well again."""
        with self._changed:
            member.condition.recover()

    def cooling(self, members: Sequence[Member]) -> list[Member]:
        """Returns those that are left alone now."""
        with self._changed:
            now = self._clock()
            return [one for one in members if one.condition.cools_until > now]

    def close(self) -> None:
        """Ends the waits for a turn."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _take(self, members: Sequence[Member], alone: bool) -> Member:
        with self._changed:
            member = self._best(members)
            while member.condition.is_reserved and not self._is_closed:
                self._changed.wait()
                member = self._best(members)
            condition = member.condition
            condition.busy += 1
            if alone:
                condition.is_reserved = True
                self._changed.wait_for(lambda: condition.busy == 1 or self._is_closed)
            return member

    def _best(self, members: Sequence[Member]) -> Member:
        now = self._clock()
        return min(members, key=lambda member: member.condition.rank(now))
