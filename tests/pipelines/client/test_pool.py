import http.server
import json
import threading

import numpy as np
import pytest

from pipelines.client.addresses import parse_addresses
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.members import COOL_DOWN_SECONDS
from pipelines.client.pool import ServerPool
from pipelines.client.rest import RestServer
from pipelines.client.server import VersionState


def failure(kind):
    return ServerFailure(kind.value, kind)


@pytest.fixture
def pool_of(waits):
    """A pool whose waits take no time, and whose clock they move."""
    return lambda *servers, retries=4: ServerPool(servers, retries, waits, waits)


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.REFUSED}, key=str))
def test_next_server_takes_over_what_one_does_not_answer(kind, fake_server, pool_of):
    one, two = fake_server([failure(kind)] * 9, "one"), fake_server(name="two")
    assert pool_of(one, two).predict("s", {})[""] == 1
    # After a connection that broke it has to be well first.
    assert (one.asked, two.asked) == (1, 2 if kind is Kind.BROKEN else 1)


def test_server_that_failed_cools_down_while_another_lives(fake_server, pool_of, waits):
    one, two = fake_server([failure(Kind.LATE)]), fake_server()
    pool = pool_of(one, two)
    for _ in range(5):
        pool.predict("s", {})
    assert (one.asked, two.asked) == (1, 5)
    waits.now = COOL_DOWN_SECONDS + 1
    pool.predict("s", {})
    assert one.asked == 2


def test_a_server_that_is_lost_is_told_of_once(fake_server, pool_of, caplog):
    away = [failure(Kind.UNREACHABLE)] * 9
    # A wrong address beside a right one is noticed.
    one, two = fake_server(away, "one"), fake_server(name="two")
    pool = pool_of(one, two)
    for _ in range(3):
        pool.check()
    assert caplog.text.count("it did not arrive It is tried again later.") == 1
    # The only one is told of once it has answered; before, it is the error.
    caplog.clear()
    alone = pool_of(fake_server(away[:1]))
    alone.predict("s", {})
    assert caplog.text == ""
    alone = pool_of(fake_server([{}, *away]))
    for _ in range(2):
        alone.predict("s", {})
    assert caplog.text.count("It is tried again later.") == 1


def test_a_server_that_restarts_is_waited_for(fake_server, pool_of, waits):
    kinds = [Kind.BROKEN, *[Kind.UNREACHABLE] * 20, Kind.BUSY]
    one = fake_server([{}, *map(failure, kinds)])
    pool = pool_of(one)
    pool.predict("s", {})
    assert pool.predict("s", {})[""] == 1
    # At least half of 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 17 * 5.
    assert waits.now > 45
    # At the first address it may be a wrong one.
    waits.waits.clear()
    with pytest.raises(ServerFailure, match="did not arrive"):
        pool_of(fake_server([failure(Kind.UNREACHABLE)] * 99)).predict("s", {})
    assert len(waits.waits) == 4


def test_a_version_that_is_exchanged_is_waited_for(fake_server, pool_of):
    one = fake_server([{}, *[failure(Kind.MISSING)] * 10])
    pool = pool_of(one)
    pool.predict("s", {})
    assert pool.predict("s", {})[""] == 1
    wrong = fake_server([failure(Kind.MISSING)])
    with pytest.raises(ServerFailure, match="no such version"):
        pool_of(wrong).predict("s", {})


def test_a_status_does_not_tell_that_the_label_is_right(fake_server, pool_of, waits):
    one = fake_server([{}, *[failure(Kind.MISSING)] * 9])
    pool = pool_of(one)
    pool.check()
    with pytest.raises(ServerFailure, match="no such version"):
        pool.agreed(lambda server: server.predict("about", {}), lambda _: "")
    assert waits.waits == []
    # Once it has answered, it may move.
    pool = pool_of(fake_server([{}, *[failure(Kind.MISSING)] * 9]))
    for _ in range(2):
        pool.agreed(lambda server: server.predict("about", {}), lambda _: "")
    assert len(waits.waits) == 9


def test_busy_servers_are_waited_for(fake_server, pool_of):
    one = fake_server([failure(Kind.BUSY)] * 30)
    assert pool_of(one, retries=1).predict("s", {})[""] == 1
    pool_of(fake_server([failure(Kind.BUSY)] * 30)).check()
    without = pool_of(fake_server([failure(Kind.BUSY)]), retries=0)
    with pytest.raises(ServerFailure, match="try later"):
        without.predict("s", {})


@pytest.mark.parametrize("kind", [Kind.UNFIT, Kind.GONE])
def test_one_without_the_model_is_not_asked_again_while_another_is_waited_for(
    kind, fake_server, pool_of
):
    one = fake_server([failure(kind)] * 9, "one")
    two = fake_server([failure(Kind.BUSY)] * 3, "two")
    assert pool_of(one, two).predict("s", {})[""] == 1
    assert (one.asked, two.asked) == (1, 4)


def test_a_request_that_is_tried_again_is_not_encoded_again(pool_of, stub, monkeypatch):
    encoded, received = [], []
    monkeypatch.setattr(
        "pipelines.client.rest_rows.to_values",
        lambda array: encoded.append(array) or array.tolist(),
    )
    with stub(b'{"predictions": [7]}', [503, 503, 200], received=received) as url:
        (address,) = parse_addresses(url)
        one, two = RestServer(address, 10.0), RestServer(address, 10.0)
        assert pool_of(one, two).predict("s", {"x": np.ones((1, 1))})[""] == [7]
    assert len(encoded) == 1
    assert received == [b'{"signature_name": "s", "instances": [[1.0]]}'] * 3


def test_refused_request_is_not_sent_to_another(fake_server, pool_of):
    one, two = fake_server([failure(Kind.REFUSED)]), fake_server()
    pool = pool_of(one, two)
    with pytest.raises(ServerFailure, match="refuses it"):
        pool.predict("s", {})
    assert two.asked == 0
    pool.predict("s", {})
    assert one.asked == 2


@pytest.mark.parametrize("kind", [Kind.LATE, Kind.UNABLE])
def test_a_request_that_an_available_server_cannot_answer_is_at_fault(
    kind, fake_server, pool_of
):
    # The second answer is that of its status.
    one = fake_server([failure(kind)])
    with pytest.raises(ServerFailure) as raised:
        pool_of(one).predict("s", {})
    assert raised.value.of_request
    assert one.asked == 2
    hung = fake_server([failure(kind), failure(Kind.LATE)])
    with pytest.raises(ServerFailure) as raised:
        pool_of(hung).predict("s", {})
    assert raised.value.kind is kind and not raised.value.of_request


def test_a_request_that_kills_servers_is_not_carried_to_a_third(fake_server, pool_of):
    one = fake_server([failure(Kind.BROKEN)], "one")
    # It is well before.
    two = fake_server([{}, failure(Kind.BROKEN)], "two")
    third = fake_server(name="three")
    predicted = []
    third.predict = lambda signature, inputs: predicted.append(signature)
    third.states = lambda: [VersionState(1, "AVAILABLE", "")]
    with pytest.raises(ServerFailure, match="ended before the answer") as raised:
        pool_of(one, two, third).predict("s", {})
    assert raised.value.of_request
    assert (one.asked, two.asked, predicted) == (1, 2, [])


def test_a_request_that_kills_its_only_server_twice_fails_alone(fake_server, pool_of):
    away = [failure(Kind.UNREACHABLE)] * 8
    broken = failure(Kind.BROKEN)
    one = fake_server([{}, broken, *away, {}, broken, *away])
    pool = pool_of(one)
    pool.predict("s", {})
    with pytest.raises(ServerFailure, match="ended before the answer") as raised:
        pool.predict("s", {})
    # It came back in the end.
    assert raised.value.of_request
    assert pool.predict("s", {})[""] == 1


class Restarting:
    """Ends at a request `deadly`, and with it all that are under way; then is back."""

    def __init__(self):
        (self.address,) = parse_addresses("http://one/v1/models/toy")
        self.ended = 0
        self.both_are_there = threading.Barrier(2)
        self.ends = threading.Event()

    def states(self):
        return [VersionState(1, "AVAILABLE", "")]

    def predict(self, signature, inputs):
        ends = self.ends
        if not self.ended:
            self.both_are_there.wait(10)
        # What comes to it within this time is under way beside it.
        if signature == "deadly" and not ends.wait(0.2):
            self.ended, self.ends = self.ended + 1, threading.Event()
            ends.set()
        if ends.wait(0.4):
            raise failure(Kind.BROKEN)
        return {"": signature}


def test_a_request_beside_one_that_kills_servers_is_not_at_fault(pool_of):
    server = Restarting()
    pool = pool_of(server)
    said = {}

    def ask(signature):
        try:
            said[signature] = pool.predict(signature, {})[""]
        except ServerFailure as error:
            said[signature] = error.of_request

    threads = [
        threading.Thread(target=ask, args=(signature,))
        for signature in ("deadly", "innocent")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert said == {"deadly": True, "innocent": "innocent"}
    assert server.ended == 2


def test_a_request_that_kills_the_servers_of_a_front_is_sent_twice(
    pool_of, stub, waits
):
    received = []
    with stub(b'{"predictions": [7]}', [200, 502], received=received) as url:
        (address,) = parse_addresses(url)
        pool = pool_of(RestServer(address, 10.0))
        pool.predict("s", {"x": np.ones((1, 1))})
        # The status says in between that a server is well.
        with pytest.raises(ServerFailure, match="answered 502") as raised:
            pool.predict("s", {"x": np.ones((1, 1))})
    assert raised.value.of_request
    assert len(received) == 3 and len(waits.waits) == 1


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send({"model_version_status": [{"version": "1", "state": "AVAILABLE"}]})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send({"predictions": [7]})

    def send(self, document):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *arguments):
        pass


class Forwarder(http.server.ThreadingHTTPServer):
    """Takes connections, and ends so many of them at once: its server starts again."""

    to_end = 0

    def verify_request(self, request, client_address):
        self.to_end -= 1
        return self.to_end < 0


def test_what_forwards_the_port_of_a_restarting_server_is_waited_for(pool_of, waits):
    with Forwarder(("127.0.0.1", 0), Handler) as forwarder:
        thread = threading.Thread(target=forwarder.serve_forever, args=(0.01,))
        thread.start()
        port = forwarder.server_address[1]
        (address,) = parse_addresses(f"http://127.0.0.1:{port}/v1/models/toy")
        pool = pool_of(RestServer(address, 10.0))
        inputs = {"x": np.zeros((1, 1))}
        pool.predict("s", inputs)
        forwarder.to_end = 9
        assert pool.predict("s", inputs)[""] == [7]
        assert len(waits.waits) == 9
        forwarder.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", [Kind.LATE, Kind.UNABLE])
def test_no_server_is_waited_for_once_a_well_one_has_failed(
    kind, fake_server, pool_of, waits
):
    away = fake_server([failure(Kind.UNREACHABLE)] * 99, "away")
    bad = fake_server([{}, failure(kind)], "bad")
    pool = pool_of(away, bad)
    pool.predict("s", {})
    with pytest.raises(ServerFailure) as raised:
        pool.predict("s", {})
    assert raised.value.kind is kind and raised.value.of_request
    assert waits.waits == []
    # One that hangs says nothing of the request.
    hung = fake_server([{}, failure(kind), *[failure(Kind.LATE)] * 9], "hung")
    back = fake_server([failure(Kind.UNREACHABLE)] * 2, "back")
    pool = pool_of(hung, back)
    for _ in range(2):
        pool.predict("s", {})
    assert len(waits.waits) == 2


def test_without_retries_a_connection_that_breaks_is_no_fault(fake_server, pool_of):
    one = fake_server([failure(Kind.BROKEN)])
    with pytest.raises(ServerFailure) as raised:
        pool_of(one, retries=0).predict("s", {})
    assert not raised.value.of_request
    assert one.asked == 1


def test_check_passes_while_one_server_is_there(fake_server, pool_of):
    one, two = fake_server([failure(Kind.UNREACHABLE)] * 2), fake_server()
    pool = pool_of(one, two, retries=0)
    pool.check()
    pool.predict("s", {})
    assert two.asked == 2
    with pytest.raises(ServerFailure, match="did not arrive"):
        pool_of(one, retries=0).check()
    pool_of(fake_server([failure(Kind.UNREACHABLE)] * 2), retries=2).check()


def test_servers_are_asked_for_their_state_at_the_same_time(fake_server, pool_of):
    meeting = threading.Barrier(2)

    class Meeting(fake_server):
        def states(self):
            meeting.wait(10)
            return super().states()

    pool_of(Meeting(name="one"), Meeting(name="two")).check()


def test_idle_server_is_taken_before_a_busy_one(fake_server, pool_of):
    entered, released = threading.Event(), threading.Event()
    one, two = fake_server(name="one"), fake_server(name="two")

    def slow(signature, inputs):
        entered.set()
        released.wait(10)
        return {"": np.zeros(1)}

    one.predict = slow
    pool = pool_of(one, two)
    thread = threading.Thread(target=pool.predict, args=("s", {}))
    thread.start()
    assert entered.wait(10)
    for _ in range(3):
        pool.predict("s", {})
    assert two.asked == 3
    released.set()
    thread.join()


def test_pinned_servers_answer_with_the_version_of_now(fake_server, pool_of):
    lost = fake_server(version=failure(Kind.UNREACHABLE))
    pool = pool_of(lost, fake_server(version=7), fake_server(version=7))
    assert [server.version for server in pool.pinned().servers] == [7, 7, 7]
    assert pool.pinned().num_requests == 6
    none = pool_of(fake_server(version=failure(Kind.BUSY)), retries=0)
    with pytest.raises(ServerFailure, match="try later"):
        none.pinned()


def test_pinned_servers_share_what_is_known_of_their_machines(fake_server, pool_of):
    late = fake_server([failure(Kind.LATE)], version=7)
    pool = pool_of(late, fake_server(version=7))
    pool.pinned().predict("s", {})
    asked = late.asked
    pool.predict("s", {})
    assert late.asked == asked


def test_servers_of_different_versions_are_waited_for(fake_server, pool_of):
    class Swapping(fake_server):
        def answering_version(self):
            self.asked += 1
            return 7 if self.asked < 5 else 8

    pool = pool_of(Swapping(name="one"), fake_server(name="two", version=8))
    assert pool.answering_version() == 8
    pool = pool_of(fake_server(version=7), fake_server(version=8))
    with pytest.raises(ServerFailure, match=r"different versions \(7 at .*, 8 at "):
        pool.pinned()


def test_closing_closes_each_and_ends_waits(fake_server, pool_of, waits):
    servers = [fake_server(), fake_server()]
    pool = pool_of(*servers)
    assert pool.num_requests == 4
    pool.close()
    assert all(server.answers is None for server in servers)
    assert waits.is_stopped
