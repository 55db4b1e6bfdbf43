import threading

import numpy as np
import pytest

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.pool import REST_SECONDS, ServerPool


def failure(kind):
    return ServerFailure(kind.value, kind)


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr("pipelines.client.retrying.FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("pipelines.client.retrying.LONGEST_WAIT_SECONDS", 0.0)


def test_next_server_takes_over_what_one_does_not_answer(fake_server):
    for kind in set(Kind) - {Kind.REFUSED}:
        one, two = fake_server([failure(kind)] * 9, "one"), fake_server(name="two")
        pool = ServerPool([one, two], 3)
        assert pool.predict("s", {})[""] == 1
        assert two.asked == 1


def test_server_that_failed_rests_while_another_lives(fake_server):
    now = [0.0]
    one, two = fake_server([failure(Kind.LATE)]), fake_server()
    pool = ServerPool([one, two], 0, clock=lambda: now[0])
    for _ in range(5):
        pool.predict("s", {})
    assert (one.asked, two.asked) == (1, 5)
    now[0] = REST_SECONDS + 1
    pool.predict("s", {})
    assert one.asked == 2


def test_a_server_that_fails_again_rests_longer_until_it_answers(fake_server):
    now = [0.0]
    one, two = fake_server([failure(Kind.LATE)] * 3), fake_server()
    pool = ServerPool([one, two], 0, clock=lambda: now[0])
    asked = []
    for _ in range(200):
        before = one.asked
        pool.predict("s", {})
        if one.asked > before:
            asked.append(now[0])
        now[0] += 1
    # Rests of 10, 20 and 40 seconds; the fourth time it answers, and goes on.
    assert asked[:5] == [0.0, 10.0, 30.0, 70.0, 71.0]


def test_each_that_answers_is_asked_and_busy_ones_are_waited_for(fake_server):
    one, two = fake_server(name="one"), fake_server(name="two")
    answers = ServerPool([one, two], 1).predict_each("s", {})
    assert [server for server, _ in answers] == [one, two]
    busy = fake_server([failure(Kind.BUSY)] * 30)
    ((server, _),) = ServerPool([busy], 1).predict_each("s", {})
    assert (server, busy.asked) == (busy, 31)
    with pytest.raises(ServerFailure, match="try later"):
        ServerPool([fake_server([failure(Kind.BUSY)])], 0).predict_each("s", {})


def test_busy_servers_are_waited_for(fake_server):
    one = fake_server([failure(Kind.BUSY)] * 30)
    assert ServerPool([one], 1).predict("s", {})[""] == 1
    without = ServerPool([fake_server([failure(Kind.BUSY)])], 0)
    with pytest.raises(ServerFailure, match="try later"):
        without.predict("s", {})


def test_refused_request_is_not_sent_to_another(fake_server):
    one, two = fake_server([failure(Kind.REFUSED)]), fake_server()
    pool = ServerPool([one, two], 3)
    with pytest.raises(ServerFailure, match="refuses it"):
        pool.predict("s", {})
    assert two.asked == 0
    pool.predict("s", {})
    assert one.asked == 2


def test_last_failure_is_raised_when_all_have_failed(fake_server):
    one = fake_server([failure(Kind.LATE)] * 9)
    two = fake_server([failure(Kind.BROKEN)] * 9)
    with pytest.raises(ServerFailure, match="ended before the answer"):
        ServerPool([one, two], 2).predict("s", {})
    assert (one.asked, two.asked) == (1, 3)


def test_only_server_is_asked_again(fake_server):
    one = fake_server([failure(Kind.BUSY)] * 2)
    assert ServerPool([one], 2).predict("s", {})[""] == 1


def test_check_passes_while_one_server_is_there(fake_server):
    one, two = fake_server([failure(Kind.UNREACHABLE)] * 2), fake_server()
    pool = ServerPool([one, two], 0)
    pool.check()
    pool.predict("s", {})
    assert two.asked == 2
    with pytest.raises(ServerFailure, match="did not arrive"):
        ServerPool([one], 0).check()


def test_idle_server_is_taken_before_a_busy_one(fake_server):
    entered, released = threading.Event(), threading.Event()
    one, two = fake_server(name="one"), fake_server(name="two")

    def slow(signature, inputs):
        entered.set()
        released.wait(10)
        return {"": np.zeros(1)}

    one.predict = slow
    pool = ServerPool([one, two], 0)
    thread = threading.Thread(target=pool.predict, args=("s", {}))
    thread.start()
    assert entered.wait(10)
    for _ in range(3):
        pool.predict("s", {})
    assert two.asked == 3
    released.set()
    thread.join()


def test_check_waits_for_a_server_that_is_on_its_way(fake_server):
    ServerPool([fake_server([failure(Kind.UNREACHABLE)] * 2)], 2).check()


def test_check_asks_no_late_server_again_and_wakes_those_that_came_back(fake_server):
    late = fake_server([failure(Kind.LATE)] * 9)
    back = fake_server([failure(Kind.BUSY)])
    pool = ServerPool([late, back], 3)
    pool.check()
    assert late.asked == 1
    pool.predict("s", {})
    assert (late.asked, back.asked) == (1, 3)


def test_pinning_tries_again_and_leaves_late_servers_alone(fake_server):
    class Slow(type(fake_server())):
        tries = 0

        def answering_version(self):
            self.tries += 1
            if self.tries <= 2:
                raise failure(self.version)
            return 7

    busy = Slow(version=Kind.BUSY)
    assert ServerPool([busy], 2).pinned().servers[0].version == 7
    late = Slow(version=Kind.LATE)
    pool = ServerPool([late, fake_server(version=7)], 0)
    pool.pinned()
    pool.pinned()
    assert late.tries == 1


def test_pinned_servers_answer_with_the_version_of_now(fake_server):
    lost = fake_server(version=failure(Kind.UNREACHABLE))
    pool = ServerPool([lost, fake_server(version=7), fake_server(version=7)], 0)
    assert [server.version for server in pool.pinned().servers] == [7, 7, 7]


def test_servers_of_different_versions_put_nothing_together(fake_server):
    pool = ServerPool([fake_server(version=7), fake_server(version=8)], 0)
    with pytest.raises(ServerFailure, match=r"different versions \(7 at .*, 8 at "):
        pool.pinned()
    none = ServerPool([fake_server(version=failure(Kind.BUSY))], 0)
    with pytest.raises(ServerFailure, match="try later"):
        none.pinned()


def test_closing_closes_each(fake_server):
    servers = [fake_server(), fake_server()]
    pool = ServerPool(servers, 0)
    assert pool.num_requests == 4
    pool.close()
    assert all(server.answers is None for server in servers)
