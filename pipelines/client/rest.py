"""A model over TensorFlow Serving's REST API."""

import io
import json
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
import requests
import requests.auth
import urllib3

from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.rest_rows import to_array, to_rows, to_values
from pipelines.client.server import (
    LOOPBACK,
    Fault,
    VersionState,
    is_of_request,
    lacks_label,
    way_out,
)
from pipelines.client.token import authorization

# A machine that is away does not even refuse. For urllib3 it is also the time that
# each block of a body has to be sent.
_CONNECT_SECONDS = 10.0
# 429 and 503 say that the request was not taken up; 502 and 504 are of a front whose
# server is away or silent; 404 and 500 of one that has lost its model, or has failed.
# Any other would come again.
_KINDS = {
    404: Kind.UNABLE,
    429: Kind.BUSY,
    500: Kind.UNABLE,
    502: Kind.UNREACHABLE,
    503: Kind.BUSY,
    504: Kind.LATE,
}


class _TokenAuth(requests.auth.AuthBase):
    """Sends the token, and nothing that a .netrc has for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._token
        return request


class RestServer:
    """A model over REST.

    Args:
        address: of the model.
        timeout: seconds that the server may be silent.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        self._timeout = timeout
        host = urllib.parse.urlsplit(address.base).hostname or ""
        # This machine is reached without a proxy of the environment.
        self._proxies = {"no_proxy": host} if host in LOOPBACK else {}
        # A session keeps its connection, and is of one thread.
        self._threads = threading.local()

    def states(self) -> list[VersionState]:
        """Returns the states of the model's versions."""
        statuses = self._ask("GET", self.address.text).get("model_version_status")
        if not isinstance(statuses, list):
            raise self._foreign()
        try:
            return [
                VersionState(
                    int(status.get("version", 0)),
                    str(status.get("state")),
                    str(status.get("status", {}).get("error_message", "")),
                )
                for status in statuses
            ]
        except (AttributeError, TypeError, ValueError) as error:
            raise self._foreign() from error

    def answering_version(self) -> int:
        """Returns the version that answers at the address."""
        document = self._ask("GET", f"{self.address.text}/metadata")
        try:
            return int(document["model_spec"]["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._foreign() from error

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature in row format, whose answers are the shorter ones."""
        request = {
            "signature_name": signature,
            "instances": to_rows(
                {name: to_values(array) for name, array in inputs.items()}
            ),
        }
        # A file is sent block by block.
        body = io.BytesIO(json.dumps(request, allow_nan=False).encode())
        headers = {"Content-Type": "application/json"}
        answer = self._ask(
            "POST", f"{self.address.text}:predict", data=body, headers=headers
        )
        predictions = answer.get("predictions")
        if not isinstance(predictions, list) or not predictions:
            return {}
        try:
            if isinstance(predictions[0], dict) and list(predictions[0]) != ["b64"]:
                return {
                    name: to_array([row.get(name) for row in predictions])
                    for name in predictions[0]
                }
            return {"": to_array(predictions)}
        except (AttributeError, TypeError, ValueError) as error:
            # Rows of several kinds, or of several lengths.
            raise self._foreign() from error

    def pinned(self, version: int) -> "RestServer":
        """Returns the client of one version, over the same connections."""
        server = RestServer(self.address.of_version(version), self._timeout)
        server._threads = self._threads
        return server

    def close(self) -> None:
        """Ends this thread's connection; the others end with their threads."""
        self._session().close()

    def _foreign(self) -> ServerFailure:
        return ServerFailure(
            f"{self.address.text} answers, but not as TensorFlow Serving does. "
            "Correct the address.",
            Kind.REFUSED,
        )

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            session = self._threads.session = requests.Session()
            token = authorization(self.address)
            if token:
                session.auth = _TokenAuth(token)
        return self._threads.session

    def _ask(self, method: str, url: str, **request: Any) -> dict[str, Any]:
        seconds = min(_CONNECT_SECONDS, self._timeout), self._timeout
        try:
            answer = self._session().request(
                method,
                url,
                timeout=seconds,
                proxies=self._proxies,
                # A prediction would be sent on as a request without its body.
                allow_redirects=False,
                **request,
            )
        except requests.RequestException as error:
            kind = _kind(error)
            if kind is Kind.LATE:
                message = (
                    f"{url} did not answer within {self._timeout:g} seconds. Raise "
                    "--timeout, or send smaller images."
                )
            else:
                message = (
                    f"{url}: the server cannot be reached or broke off "
                    f"({_reason(error)}). Start it with `keras-unet serve` and wait "
                    "until it is ready, or correct the address."
                )
            raise ServerFailure(message, kind) from error
        return _document(url, answer)


_FAULTS = {
    400: Fault.REQUEST,
    401: Fault.LOGIN,
    403: Fault.LOGIN,
    404: Fault.MISSING,
    413: Fault.SIZE,
}


def _document(url: str, answer: requests.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    status = answer.status_code
    if "location" in answer.headers and 300 <= status < 400:
        raise ServerFailure(
            f"{url} answered {status}: the server is at {answer.headers['location']}. "
            "Take the address of the model there.",
            Kind.REFUSED,
            status,
        )
    if status != 200:
        words = str(document.get("error") or answer.reason)
        fault = _FAULTS.get(status)
        hint = way_out(words, fault)
        kind = _KINDS.get(status, Kind.REFUSED)
        raise ServerFailure(
            f"{url} answered {status}: {' '.join(words.split())} {hint}",
            Kind.UNABLE if lacks_label(words) else kind,
            status,
            of_request=is_of_request(words, fault),
        )
    return document


def _kind(error: requests.RequestException) -> Kind:
    """Tells a connection that was never made from one that broke or fell silent."""
    if isinstance(error, requests.ConnectTimeout):
        return Kind.UNREACHABLE
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return Kind.UNREACHABLE
        # In the midst of an answer requests calls it a ConnectionError.
        if isinstance(cause, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
            return Kind.LATE
        cause = cause.__context__
    broken = requests.ConnectionError, requests.exceptions.ChunkedEncodingError
    return Kind.BROKEN if isinstance(error, broken) else Kind.REFUSED


def _reason(error: requests.RequestException) -> str:
    """The innermost reason: requests wraps it in the words of two libraries."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return str(cause) or type(cause).__name__
