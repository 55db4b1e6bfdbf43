import numpy as np
import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.server import VersionState
from pipelines.client.verified_server import VerifiedServer, verified


def says(text):
    return {"about": np.array([text.encode()], object)}


def test_a_server_is_asked_once_and_then_predicts(fake_server, about_of):
    server = fake_server([says(about_of().text), {"": 5}, {"": 6}])
    checked = VerifiedServer(server, about_of())
    assert [checked.predict("s", {})[""] for _ in range(2)] == [5, 6]
    assert server.asked == 3


def test_the_first_question_waits_no_longer_than_what_it_comes_before(
    fake_server, about_of
):
    given = []

    class Timed(fake_server):
        def predict(self, signature, inputs, seconds=None):
            given.append(seconds)
            return super().predict(signature, inputs, seconds)

    server = Timed([says(about_of().text)])
    VerifiedServer(server, about_of()).predict("s", {}, 2.0)
    assert given == [2.0, 2.0]


def test_one_that_serves_another_model_is_left_out(fake_server, about_of, caplog):
    text = about_of().text
    same = fake_server([says(text), {"": 5}, {"": 6}], "same")
    other = fake_server([says(text.replace("0.5", "0.25"))] * 9, "other")
    pool = verified(ServerPool([other, same], 0), about_of())
    assert [pool.predict("s", {})[""] for _ in range(2)] == [5, 6]
    assert "//other/v1/models/toy serves another model" in caplog.text
    alone = verified(ServerPool([other], 0), about_of())
    with pytest.raises(ServerFailure, match="another model"):
        alone.predict("s", {})


@pytest.mark.parametrize(
    "bad",
    [says("[]"), ServerFailure("answered 401.", Kind.REFUSED, 401), says('{"a": 1}')],
)
def test_one_that_refuses_to_say_is_left_out_and_told_once(
    fake_server, about_of, caplog, waits, bad
):
    text = about_of().text
    same = fake_server([says(text), *[{"": 5}] * 9], "same")
    other = fake_server([bad] * 99, "other")
    pool = verified(ServerPool([other, same], 4, waits, waits), about_of())
    for _ in range(4):
        assert pool.predict("s", {})[""] == 5
        # Its cool-down ends.
        waits.now += 1000.0
    assert other.asked > 1
    assert caplog.text.count("It is left out.") == 1
    # An image that fails at the other one does not wait for it.
    waits.waits.clear()
    same.answers[:] = [ServerFailure("failed.", Kind.UNABLE)]
    with pytest.raises(ServerFailure, match="failed") as raised:
        pool.predict("s", {})
    assert raised.value.of_request and waits.waits == []
    # Nor has it a say in the version for regions, or in their model.
    other.version = 8
    same.answers[:] = [says(text)]
    pinned = pool.pinned()
    assert pinned.servers[1].version == 1
    with pytest.raises(ServerFailure):
        pinned.servers[0].answering_version()
    assert caplog.text.count("It is left out.") == 1


def test_a_failure_of_the_first_question_is_no_suspicion(fake_server, about_of, waits):
    late = ServerFailure("late", Kind.LATE)
    text = about_of().text
    one = fake_server([late, late, says(text), {"": 5}], "one")
    two = fake_server([late, late, late, says(text), {"": 5}], "two")
    pool = verified(ServerPool([one, two], 4, waits, waits), about_of())
    assert pool.predict("s", {})[""] == 5
    assert one.asked == 4


def test_one_that_is_away_at_first_joins_when_it_is_back(fake_server, about_of, waits):
    text = about_of().text
    away = ServerFailure("away", Kind.UNREACHABLE)
    late = fake_server([away, says(text), {"": 5}], "late")
    other = fake_server([says(text), {"": 6}], "other")
    pool = verified(ServerPool([late, other], 0, waits), about_of())
    assert pool.predict("s", {})[""] == 6
    other.predict = lambda *given: pytest.fail("asked")
    waits.now = 11.0
    assert pool.predict("s", {})[""] == 5


def test_one_that_comes_back_with_another_model_is_left_out(
    fake_server, about_of, waits
):
    text = about_of().text
    away = ServerFailure("away", Kind.UNREACHABLE)
    swapped = says(text.replace("0.5", "0.25"))
    server = fake_server([says(text), {"": 5}, away, swapped], "one")
    pool = verified(ServerPool([server], 1, waits, waits), about_of())
    assert pool.predict("s", {})[""] == 5
    with pytest.raises(ServerFailure, match="another model"):
        pool.predict("s", {})


def test_a_version_of_the_address_that_is_unloaded_is_not_waited_for(
    fake_server, about_of, waits, monkeypatch
):
    listed = [VersionState(2, "AVAILABLE", "")]
    monkeypatch.setattr(fake_server, "states", lambda self: listed)
    missing = ServerFailure("answered 404", Kind.MISSING, 404)
    server = fake_server([says(about_of().text)], version=missing)
    server.address = server.address.of_version(1)
    pool = verified(ServerPool([server], 4, waits, waits), about_of())
    with pytest.raises(ServerFailure, match="version 1 was unloaded"):
        pool.pinned()
    assert waits.waits == []


def test_a_model_that_says_nothing_is_a_model_too(fake_server):
    silent = ServerFailure("no signature", Kind.REFUSED, lacks_signature=True)
    server = fake_server([silent, {"": 5}], version=4)
    checked = VerifiedServer(server, None)
    assert checked.predict("s", {})[""] == 5
    assert checked.answering_version() == 4
    assert checked.states()[0].state == "AVAILABLE"
    assert checked.pinned(3).version == 3
    checked.close()
    assert server.answers is None
