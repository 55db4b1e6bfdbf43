import socket
import ssl

import pytest
import requests

from pipelines.client.failures import Kind
from pipelines.client.rest_failures import is_no_http, is_of_tls, kind_of, reason_of

# What a gRPC server says first: a frame of HTTP/2.
SETTINGS = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\xff\xff\n"


@pytest.fixture
def error_of(answering):
    """Returns the error of a request to a server that sends these bytes."""

    def ask(sent, scheme="http"):
        with answering(sent) as url, requests.Session() as session:
            with pytest.raises(requests.RequestException) as raised:
                session.get(url.replace("http", scheme, 1), timeout=10)
        return raised.value

    return ask


@pytest.mark.parametrize(
    ("sent", "no_http"),
    [
        (SETTINGS, True),
        (b"SSH-2.0-OpenSSH\r\n", True),
        # A connection that broke, also within the first line.
        (b"", False),
        (b"HT", False),
        (b"HTTP/1.1", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", False),
    ],
)
def test_what_is_no_http_is_told_from_a_connection_that_broke(error_of, sent, no_http):
    error = error_of(sent)
    assert is_no_http(error) is no_http
    assert not is_of_tls(error)
    assert kind_of(error) is Kind.BROKEN


def test_a_server_without_tls_is_told(error_of):
    error = error_of(b"HTTP/1.1 400 Bad Request\r\n\r\n", "https")
    assert is_of_tls(error) and not is_no_http(error)


def test_a_connection_that_ends_in_the_middle_is_no_matter_of_tls():
    error = requests.exceptions.SSLError()
    error.__context__ = ssl.SSLEOFError("ended")
    assert not is_of_tls(error)
    assert "ended" in reason_of(error)


def test_a_port_where_nobody_listens_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(requests.RequestException) as raised:
        requests.get(f"http://127.0.0.1:{port}", timeout=10)
    assert kind_of(raised.value) is Kind.UNREACHABLE
    assert "refused" in reason_of(raised.value)


def test_a_reason_without_words_is_the_name_of_its_error():
    assert reason_of(TimeoutError()) == "TimeoutError"
