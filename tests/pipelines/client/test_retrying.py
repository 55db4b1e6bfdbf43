import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.retrying import LONGEST_WAIT_SECONDS, with_retries


def asking(*kinds):
    """A function that fails in these ways, then answers 7."""
    failures = [ServerFailure(kind.value, kind) for kind in kinds]

    def ask():
        if failures:
            raise failures.pop(0)
        return 7

    return ask


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.BUSY, Kind.BROKEN])
def test_failure_that_may_pass_is_tried_again(kind):
    waits = []
    assert with_retries(asking(kind, kind), 2, waits.append) == 7
    assert len(waits) == 2


@pytest.mark.parametrize("kind", [Kind.LATE, Kind.UNABLE, Kind.REFUSED])
def test_other_failures_are_not(kind):
    with pytest.raises(ServerFailure):
        with_retries(asking(kind), 5, lambda _: pytest.fail("waited"))


def test_last_failure_is_raised_when_tries_run_out():
    waits = []
    with pytest.raises(ServerFailure, match="try later"):
        with_retries(asking(*[Kind.BUSY] * 9), 3, waits.append)
    assert len(waits) == 3


def test_a_busy_server_is_given_time_beyond_the_tries():
    waits = []
    assert with_retries(asking(*[Kind.BUSY] * 20), 1, waits.append, 300.0) == 7
    waits.clear()
    with pytest.raises(ServerFailure, match="try later"):
        with_retries(asking(*[Kind.BUSY] * 500), 1, waits.append, 300.0)
    assert 295 <= sum(waits) <= 310


def test_waits_double_up_to_a_limit_and_are_partly_random():
    waits = []
    with_retries(asking(*[Kind.BUSY] * 8), 8, waits.append)
    whole = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert all(w / 2 <= wait <= w for wait, w in zip(waits, whole, strict=True))
    assert max(waits) <= LONGEST_WAIT_SECONDS


def test_no_tries_are_no_sense():
    with pytest.raises(ValueError, match="retries must be at least 0"):
        with_retries(asking(), -1)
