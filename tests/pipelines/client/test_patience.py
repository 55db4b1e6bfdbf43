import logging
import threading
import time

import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.patience import (
    BUSY_LIMIT,
    LIMITS,
    LONGEST_WAIT_SECONDS,
    Patience,
    patiently,
)


def failure(kind):
    return ServerFailure(kind.value, kind)


def asking(*kinds):
    """A function that fails in these ways, then answers 7."""
    failures = [failure(kind) for kind in kinds]

    def ask():
        if failures:
            raise failures.pop(0)
        return 7

    return ask


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.BUSY, Kind.BROKEN])
def test_failure_that_may_pass_is_tried_again(kind, waits):
    assert patiently(asking(kind, kind), Patience(2, dict, waits, waits)) == 7
    assert len(waits.waits) == 2
    with pytest.raises(ServerFailure):
        patiently(asking(kind, kind, kind), Patience(2, dict, waits, waits))


@pytest.mark.parametrize("kind", [Kind.LATE, Kind.UNABLE, Kind.REFUSED])
def test_other_failures_are_not(kind, waits):
    with pytest.raises(ServerFailure):
        patiently(asking(kind), Patience(5, lambda: LIMITS, waits, waits))
    assert waits.waits == []


@pytest.mark.parametrize(
    "kind, seconds",
    [
        (Kind.BUSY, 300),
        (Kind.UNREACHABLE, 120),
        (Kind.BROKEN, 120),
        (Kind.MISSING, 90),
    ],
)
def test_each_kind_is_waited_for_so_long(kind, seconds, waits):
    with pytest.raises(ServerFailure):
        patiently(asking(*[kind] * 999), Patience(1, lambda: LIMITS, waits, waits))
    assert seconds <= sum(waits.waits) <= seconds + LONGEST_WAIT_SECONDS


def test_without_retries_nothing_is_waited_for(waits):
    for kind in Kind:
        with pytest.raises(ServerFailure):
            patiently(asking(kind), Patience(0, lambda: LIMITS, waits, waits))
    assert waits.waits == []


def test_of_a_wrong_address_only_the_number_of_tries_counts(waits):
    with pytest.raises(ServerFailure):
        patiently(
            asking(*[Kind.UNREACHABLE] * 9),
            Patience(4, lambda: BUSY_LIMIT, waits, waits),
        )
    assert len(waits.waits) == 4
    with pytest.raises(ServerFailure):
        patiently(asking(Kind.MISSING), Patience(4, lambda: BUSY_LIMIT, waits, waits))
    assert len(waits.waits) == 4


def test_waits_double_up_to_a_limit_and_are_partly_random(waits):
    patiently(asking(*[Kind.BUSY] * 8), Patience(8, dict, waits, waits))
    whole = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert all(w / 2 <= wait <= w for wait, w in zip(waits.waits, whole, strict=True))


def test_a_stop_ends_the_wait_and_raises_what_was_waited_for():
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(ServerFailure, match="try later"):
        patiently(
            asking(Kind.BUSY), Patience(4, lambda: LIMITS, stopping, time.monotonic)
        )


def test_the_failure_that_is_waited_for_longest_is_worth_most(waits):
    kinds = (Kind.LATE, Kind.MISSING, Kind.BUSY, Kind.BROKEN)
    failures = [failure(kind) for kind in kinds]
    assert (
        Patience(1, lambda: LIMITS, waits, waits).worth_most(failures).kind is Kind.BUSY
    )
    assert Patience(1, dict, waits, waits).worth_most(failures[:1]).kind is Kind.LATE


def test_the_time_of_the_tries_counts_too(waits):
    def busy():
        waits.now += 100.0
        raise failure(Kind.BUSY)

    with pytest.raises(ServerFailure):
        patiently(busy, Patience(1, lambda: LIMITS, waits, waits))
    # The first fails at 100 seconds, and the third more than 200 later.
    assert 400 < waits.now < 402 and len(waits.waits) == 3


def test_only_what_is_tried_again_is_said_to_be(waits, caplog):
    caplog.set_level(logging.INFO)
    for patience in (
        Patience(0, lambda: LIMITS, waits, waits),
        Patience(4, lambda: BUSY_LIMIT, waits, waits),
    ):
        with pytest.raises(ServerFailure):
            patiently(asking(Kind.MISSING), patience)
    assert caplog.text == ""
    patiently(asking(*[Kind.MISSING] * 3), Patience(4, lambda: LIMITS, waits, waits))
    assert caplog.text.count("Trying again") == 1
