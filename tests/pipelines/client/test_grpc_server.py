import json
import socket

import numpy as np
import pytest

from pipelines.client.addresses import parse_addresses
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.grpc_server import GrpcServer
from pipelines.client.server import VersionState


@pytest.fixture
def connect():
    servers = []

    def connect(url, timeout=30.0):
        (address,) = parse_addresses(url)
        servers.append(GrpcServer(address, timeout))
        return servers[-1]

    yield connect
    for server in servers:
        server.close()


def test_states_are_those_of_the_versions(connect, grpc_url):
    assert connect(grpc_url).states() == [VersionState(1, "AVAILABLE", "")]


def test_no_proxy_stands_before_this_machine(connect, grpc_url, monkeypatch):
    # One that nothing gets through.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    (state,) = connect(grpc_url).states()
    assert state.state == "AVAILABLE"


@pytest.mark.parametrize("version", ["", "/versions/1"])
def test_tensors_and_strings_travel(connect, grpc_url, version):
    server = connect(grpc_url + version)
    image = np.array([[[[9], [10]]]], np.uint16)
    outputs = server.predict("pixels_uint16", {"image": image})
    np.testing.assert_array_equal(outputs["mask"], [[[[0], [1]]]])
    query = np.array([b""], object)
    (text,) = server.predict("about", {"query": query})["about"]
    assert json.loads(text)["depth"] == 1


def test_answers_of_more_than_four_megabytes_arrive(connect, grpc_url):
    image = np.zeros((1, 1100, 1000, 1), np.float32)
    outputs = connect(grpc_url).predict("serving_default", {"image": image})
    assert outputs["probability"].shape == image.shape
    assert (outputs["probability"] == 0.5).all()


@pytest.mark.parametrize(
    "path, asked, kind, status, words",
    [
        ("", "nope", Kind.REFUSED, "FAILED_PRECONDITION", "Serve a model that `keras"),
        ("/versions/7", "about", Kind.MISSING, "NOT_FOUND", "Correct the model's name"),
        ("/labels/x", "about", Kind.MISSING, "INVALID_ARGUMENT", "Unrecognized serva"),
    ],
)
def test_refusals_are_told_with_the_code(
    connect, grpc_url, path, asked, kind, status, words
):
    server = connect(grpc_url + path)
    with pytest.raises(ServerFailure, match=words) as raised:
        server.predict(asked, {"query": np.array([b""], object)})
    assert (raised.value.kind, raised.value.status) == (kind, status)


def test_server_that_is_not_there_is_unreachable(connect):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServerFailure, match="cannot be reached.*`keras-unet") as raised:
        connect(f"grpc://127.0.0.1:{port}/x").states()
    assert raised.value.kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    "code, words, kind, hint",
    [
        ("UNAVAILABLE", "Received http2 header with status: 502", Kind.BROKEN, "Look"),
        ("UNAVAILABLE", "Received http2 header with status: 503", Kind.BUSY, "Look"),
        ("UNAVAILABLE", "Received http2 header with status: 504", Kind.LATE, "Look"),
        ("UNKNOWN", "Received http2 header with status: 413", Kind.REFUSED, "smaller"),
        ("UNAVAILABLE", "recvmsg:Connection reset by peer", Kind.BROKEN, "Start it"),
        (
            "UNAVAILABLE",
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1:"
            " Socket closed",
            Kind.UNREACHABLE,
            "Start it",
        ),
        (
            "UNAVAILABLE",
            "failed to connect to all addresses; last error: INTERNAL: ipv4:127.0.0.1:1"
            ": Failed parsing HTTP/2 (Trying to connect an http1.x server)",
            Kind.UNREACHABLE,
            "Correct the port; where there is TLS take grpcs",
        ),
        (
            "UNAVAILABLE",
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1:"
            " Tls handshake failed: TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
            Kind.UNREACHABLE,
            "Correct the port",
        ),
        ("UNAVAILABLE", "CERTIFICATE_VERIFY_FAILED", Kind.REFUSED, "DEFAULT_SSL"),
        ("RESOURCE_EXHAUSTED", "OOM when allocating", Kind.UNABLE, "more memory"),
        ("RESOURCE_EXHAUSTED", "too many requests", Kind.BUSY, "Look"),
        ("INTERNAL", "failed", Kind.UNABLE, "Look at the server's messages"),
    ],
)
def test_codes_and_what_a_front_answers_tell_the_kind(
    connect, grpc_url, code, words, kind, hint
):
    failure = connect(grpc_url)._failure(code, words, 1.0, True)
    assert failure.kind is kind
    assert hint in str(failure)


def test_one_version_is_asked_over_the_same_connection(connect, grpc_url):
    server = connect(grpc_url)
    pinned = server.pinned(1)
    assert pinned.answering_version() == 1
    assert pinned.address.text.endswith("/versions/1")
    assert server.address.version is None


def test_deadline_is_late(connect, grpc_url):
    image = np.zeros((1, 3000, 3000, 1), np.float32)
    with pytest.raises(ServerFailure, match="within 0.005 seconds") as raised:
        connect(grpc_url, 0.005).predict("serving_default", {"image": image})
    assert raised.value.kind is Kind.LATE
