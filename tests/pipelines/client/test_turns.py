import contextlib
import threading

import pytest

from pipelines.client.failures import Kind
from pipelines.client.members import Condition, Member
from pipelines.client.turns import Turns


@pytest.fixture
def turns(waits):
    return Turns(waits)


def members(*conditions):
    return [Member(None, condition) for condition in conditions]


@contextlib.contextmanager
def waiting(turns, servers, *, alone):
    """Yields who waits for a turn, and has noted the server when it has come."""
    taken = []

    def take():
        with turns.taken(servers, alone=alone) as member:
            taken.append(member)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(0.05)
    yield taken
    thread.join(10)
    assert not thread.is_alive()


def test_an_awake_server_is_taken_then_an_idle_one(turns):
    asleep, busy, idle = members(Condition(), Condition(busy=2), Condition(busy=1))
    turns.fail(asleep, Kind.LATE)
    assert turns.cooling([asleep, busy, idle]) == [asleep]
    with turns.taken([asleep, busy, idle], alone=False) as member:
        assert member is idle and idle.condition.busy == 2
    assert idle.condition.busy == 1
    turns.recover(asleep)
    with turns.taken([asleep, busy, idle], alone=False) as member:
        assert member is asleep


def test_who_is_alone_waits_for_those_under_way_and_lets_none_beside_it(turns):
    (server,) = servers = members(Condition())
    with contextlib.ExitStack() as first:
        first.enter_context(turns.taken(servers, alone=False))
        with waiting(turns, servers, alone=True) as alone:
            assert alone == [] and server.condition.is_reserved
            with waiting(turns, servers, alone=False) as beside:
                assert beside == []
                first.close()
    assert alone == beside == [server]
    assert server.condition == Condition()


def test_of_two_that_are_alone_one_waits_for_the_other(turns):
    servers = members(Condition())
    with contextlib.ExitStack() as first:
        first.enter_context(turns.taken(servers, alone=True))
        with waiting(turns, servers, alone=True) as second:
            assert second == []
            first.close()
    assert len(second) == 1


def test_others_go_to_another_server_meanwhile(turns):
    one, two = members(Condition(), Condition(busy=5))
    with turns.taken([one, two], alone=True) as member:
        assert member is one
        with turns.taken([one, two], alone=False) as other:
            assert other is two


def test_closing_ends_the_waits(turns):
    servers = members(Condition())
    with turns.taken(servers, alone=False):
        with waiting(turns, servers, alone=True) as alone:
            with waiting(turns, servers, alone=False) as beside:
                assert alone == beside == []
                turns.close()
    assert len(alone) == len(beside) == 1
