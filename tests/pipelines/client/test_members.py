import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.members import (
    COOL_DOWN_SECONDS,
    LONGEST_COOL_DOWN_SECONDS,
    Condition,
    Member,
    at_once,
    versions_of,
)


def test_a_machine_that_fails_again_cools_down_longer_until_it_answers():
    condition, now = Condition(), 0.0
    seconds = []
    for _ in range(9):
        condition.fail(Kind.LATE, now)
        seconds.append(condition.cools_until - now)
        now = condition.cools_until
    assert seconds[:4] == [10, 20, 40, 80]
    assert seconds[-1] == LONGEST_COOL_DOWN_SECONDS
    condition.recover()
    condition.fail(Kind.BUSY, now)
    assert condition.cools_until - now == COOL_DOWN_SECONDS


def test_requests_that_fail_at_once_are_one_failure():
    condition = Condition()
    for _ in range(5):
        condition.fail(Kind.BROKEN, 3.0)
    assert (condition.failures, condition.cools_until) == (1, 13.0)


def test_a_loss_is_news_once_until_it_answers_again():
    condition = Condition()
    kinds = [Kind.BUSY, Kind.LATE, Kind.BROKEN, Kind.UNREACHABLE]
    assert [condition.fail(kind, 3.0) for kind in kinds] == [False, False, True, False]
    condition.recover()
    assert condition.fail(Kind.MISSING, 4.0)


def test_those_that_cool_down_are_asked_last_then_busy_ones():
    cooling, busy, idle = Condition(), Condition(busy=2), Condition(busy=1)
    cooling.fail(Kind.LATE, 3.0)
    assert sorted([cooling, busy, idle], key=lambda one: one.rank(4.0)) == [
        *(idle, busy, cooling)
    ]
    assert cooling.rank(99.0) < idle.rank(99.0)


def test_each_says_something_or_how_it_failed(fake_server):
    failure = ServerFailure("away", Kind.UNREACHABLE)
    members = [
        Member(server, Condition())
        for server in (fake_server(version=failure), fake_server(version=3))
    ]
    said = at_once(lambda server: server.answering_version(), members)
    assert said == [(members[0], failure), (members[1], 3)]
    assert at_once(lambda server: 1, []) == []
    with pytest.raises(ZeroDivisionError):
        at_once(lambda server: 1 / 0, members)


def test_different_versions_are_told_with_their_places(fake_server):
    servers = fake_server(name="one"), fake_server(name="two")
    said = versions_of(list(zip(servers, (8, 7), strict=True)))
    assert "(7 at http://two/v1/models/toy, 8 at http://one/v1/models/toy)" in said
