"""What the errors of `requests` say of a request over REST."""

import http.client
import ssl
from collections.abc import Iterator

import requests
import urllib3

from pipelines.client.failures import Kind


def kind_of(error: requests.RequestException) -> Kind:
    """Tells a connection that was never made from one that broke or fell silent."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return Kind.UNREACHABLE
    for cause in _causes(error):
        if isinstance(cause, urllib3.exceptions.NewConnectionError):
            return Kind.UNREACHABLE
        # In the midst of an answer requests calls it a ConnectionError.
        if isinstance(cause, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
            return Kind.LATE
    broken = requests.ConnectionError, requests.exceptions.ChunkedEncodingError
    return Kind.BROKEN if isinstance(error, broken) else Kind.REFUSED


def is_of_tls(error: requests.RequestException) -> bool:
    """Tells whether the two sides do not agree; one that ends is another matter."""
    ended = ssl.SSLEOFError, ssl.SSLZeroReturnError
    return any(
        isinstance(cause, ssl.SSLError) and not isinstance(cause, ended)
        for cause in _causes(error)
    )


def is_no_http(error: requests.RequestException) -> bool:
    """Tells whether something else than HTTP was answered, as by the port of gRPC."""
    lines = [
        str(cause)
        for cause in _causes(error)
        if isinstance(cause, http.client.BadStatusLine)
        and not isinstance(cause, http.client.RemoteDisconnected)
    ]
    # The connection may also end within the first line.
    return any(not "HTTP/".startswith(line[:5]) for line in lines)


def reason_of(error: BaseException) -> str:
    """Returns the innermost reason: requests wraps it in the words of two libraries."""
    *_, cause = _causes(error)
    return str(cause) or type(cause).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__context__
