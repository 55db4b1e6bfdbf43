import json
import socket
import threading
import time

import numpy as np
import pytest

from pipelines.client.addresses import parse_addresses
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.rest import RestServer
from pipelines.client.server import VersionState


def server(url, timeout=30.0):
    (address,) = parse_addresses(url)
    return RestServer(address, timeout)


def strings(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_states_are_those_of_the_versions(rest_url):
    assert server(rest_url).states() == [VersionState(1, "AVAILABLE", "")]


def test_the_version_that_answers_is_told(rest_url):
    assert server(rest_url).answering_version() == 1
    with pytest.raises(ServerFailure, match="Servable not found"):
        server(f"{rest_url}/versions/9").answering_version()


def test_numbers_travel_by_rows(rest_url):
    image = np.zeros((2, 1, 3, 1), np.float32)
    outputs = server(rest_url).predict("serving_default", {"image": image})
    np.testing.assert_array_equal(outputs[""], np.full((2, 1, 3, 1), 0.5))


def test_several_inputs_travel_as_objects(rest_url):
    inputs = {
        "image": np.full((1, 26, 28, 1), 7, np.float32),
        "mean": np.full((1, 1), 5, np.float32),
        "std": np.ones((1, 1), np.float32),
    }
    outputs = server(rest_url).predict("region", inputs)
    # Bright everywhere.
    np.testing.assert_allclose(outputs[""], np.full((1, 10, 12, 1), 0.9957), atol=1e-4)


def test_several_outputs_have_their_names(stub, b64):
    rows = [{"a": [1.5], "m_bytes": b64(b"\xff")}, {"a": [2], "m_bytes": b64(b"")}]
    received = []
    with stub(json.dumps({"predictions": rows}).encode(), received=received) as url:
        outputs = server(url).predict("s", {"x": strings(b"one", b"two")})
    np.testing.assert_array_equal(outputs["a"], [[1.5], [2.0]])
    assert outputs["m_bytes"].tolist() == [b"\xff", b""]
    assert json.loads(received[0]) == {
        "signature_name": "s",
        "instances": [b64(b"one"), b64(b"two")],
    }


def test_text_is_bytes_too(rest_url):
    outputs = server(rest_url).predict("about", {"query": strings(b"")})
    assert json.loads(outputs[""][0])["depth"] == 1


def test_answer_without_predictions_has_no_outputs(stub):
    with stub(b'{"predictions": []}') as url:
        assert server(url).predict("s", {"x": strings(b"")}) == {}


@pytest.mark.parametrize(
    "status, kind, hint",
    [
        (400, Kind.REFUSED, "Convert or remove the image"),
        (401, Kind.REFUSED, "Set KERAS_UNET_TOKEN"),
        (404, Kind.MISSING, "Correct the model's name"),
        (413, Kind.REFUSED, "Send smaller images"),
        (429, Kind.BUSY, "Look at the server's messages"),
        (500, Kind.UNABLE, "Look at the server's messages"),
        (502, Kind.BROKEN, "Look at the server's messages"),
        (504, Kind.LATE, "Look at the server's messages"),
        (503, Kind.BUSY, "Look at the server's messages"),
    ],
)
def test_status_tells_the_kind_and_the_way_out(stub, status, kind, hint):
    with stub(b'{"error": "my\\n words"}', status=status) as url:
        words = rf"{status}: my words\. {hint}"
        with pytest.raises(ServerFailure, match=words) as raised:
            server(url).predict("s", {"x": strings(b"")})
    assert (raised.value.kind, raised.value.status) == (kind, status)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"predictions": [[1, 2], [3]]}',
        b'{"predictions": [{"a": 1}, 2]}',
        # Of what stands between.
        *(b"", b"{}", b"[]", b'{"predictions": [', b"<html>", b'{"predictions": 1}'),
    ],
)
def test_an_answer_that_is_none_is_told(stub, answer):
    with stub(answer) as url:
        with pytest.raises(ServerFailure, match="not as TensorFlow Serving does"):
            server(url).predict("s", {"x": strings(b"")})


@pytest.mark.parametrize("state", [{"model_version_status": [1]}, {}, ["hello"]])
def test_a_status_that_is_none_is_told(stub, state):
    with stub(b"", state=state) as url:
        with pytest.raises(ServerFailure, match="not as TensorFlow Serving does"):
            server(url).states()


def test_a_label_that_this_server_lacks_another_may_have(stub):
    words = b'{"error": "Unrecognized servable version label: canary"}'
    with stub(words, status=400) as url:
        with pytest.raises(ServerFailure, match="Correct the label") as raised:
            server(url).predict("s", {"x": strings(b"")})
    assert raised.value.kind is Kind.MISSING


def test_status_and_metadata_are_waited_for_less_long_than_masks(
    monkeypatch, answering
):
    monkeypatch.setattr("pipelines.client.rest.CONTROL_SECONDS", 0.2)
    with answering(b"", waits=True) as url:
        with pytest.raises(ServerFailure, match=r"within 0\.2 seconds\. Look"):
            server(url).answering_version()


def test_the_question_what_is_served_sends_no_image(answering):
    with answering(b"", waits=True) as url:
        with pytest.raises(ServerFailure, match=r"within 0\.2 seconds\. Look"):
            server(url, 0.2).predict("about", {"x": strings(b"")})


def test_a_certificate_that_is_not_trusted_is_told(answering, tmp_path, monkeypatch):
    # No TLS.
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        url = url.replace("http", "https", 1)
        with pytest.raises(ServerFailure, match="set REQUESTS_CA_BUNDLE") as raised:
            server(url).states()
    assert raised.value.kind is Kind.REFUSED
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nope.crt"))
    with pytest.raises(ServerFailure, match=r"nope\.crt.*set REQUESTS_CA_BUNDLE"):
        server(url).states()


def test_server_that_is_not_there_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServerFailure, match="refused.*`keras-unet serve`") as raised:
        server(f"http://127.0.0.1:{port}/v1/models/x").states()
    assert raised.value.kind is Kind.UNREACHABLE


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "waits", "kind"),
    [
        (b"", False, Kind.BROKEN),
        (HEAD + b"Content-Length: 100\r\n\r\n{", False, Kind.BROKEN),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{", False, Kind.BROKEN),
        (HEAD + b"Content-Length: 100\r\n\r\n{", True, Kind.LATE),
    ],
)
def test_answer_that_ends_or_stops_in_the_middle_is_told(answering, sent, waits, kind):
    # Only one that goes on to wait is late, however busy this machine is.
    seconds = 0.3 if waits else 30.0
    with answering(sent, waits) as url, pytest.raises(ServerFailure) as raised:
        server(url, seconds).states()
    assert raised.value.kind is kind


def test_a_redirect_is_told_with_where_it_leads(answering):
    moved = (
        b"HTTP/1.1 301 Moved\r\nLocation: https://other/v1\r\nContent-Length: 0\r\n\r\n"
    )
    words = "answered 301: the server is at https://other/v1. Take the address"
    with answering(moved) as url, pytest.raises(ServerFailure, match=words) as raised:
        server(url).predict("s", {"x": strings(b"")})
    assert raised.value.kind is Kind.REFUSED


def test_a_body_that_takes_longer_to_send_than_to_connect_arrives(monkeypatch):
    """The system's buffers hold less, and each block of it is sent in time."""
    monkeypatch.setattr("pipelines.client.rest._CONNECT_SECONDS", 2.0)
    answer = b'{"predictions": [1.0]}'
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)

        def read_slowly():
            connection, _ = listener.accept()
            with connection:
                head = connection.recv(2**12)
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
                left = length - len(head.split(b"\r\n\r\n", 1)[1])
                end = time.monotonic() + 2.5
                while left > 0:
                    if time.monotonic() < end:
                        time.sleep(0.1)
                    left -= len(connection.recv(2**16))
                connection.sendall(HEAD + b"Content-Length: 22\r\n\r\n" + answer)

        thread = threading.Thread(target=read_slowly)
        thread.start()
        port = listener.getsockname()[1]
        client = server(f"http://127.0.0.1:{port}/v1/models/x", 30.0)
        found = client.predict("s", {"x": strings(b"a" * 20_000_000)})
        thread.join()
    assert found[""] == [1.0]


def test_silent_server_is_late(answering):
    with answering(b"", waits=True) as url:
        with pytest.raises(ServerFailure, match=r"within 0\.2 seconds") as raised:
            server(url, 0.2).predict("s", {"x": strings(b"")})
    assert raised.value.kind is Kind.LATE


def test_the_port_of_grpc_is_told(answering):
    # What a server of gRPC begins with.
    with answering(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\n") as url:
        with pytest.raises(ServerFailure, match="gRPC on 8500") as raised:
            server(url).states()
    assert raised.value.kind is Kind.REFUSED
