import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.members import (
    COOL_DOWN_SECONDS,
    LONGEST_COOL_DOWN_SECONDS,
    Condition,
    Member,
    at_once,
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
