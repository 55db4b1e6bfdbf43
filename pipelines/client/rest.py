"""A model over TensorFlow Serving's REST API."""

import base64
import binascii
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
import requests
import requests.auth

from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.server import Fault, VersionState, way_out
from pipelines.client.token import authorization

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# 429 and 503 say that the request was not taken up; 502 and 504 are of a front whose
# server is away or silent. Any other would come again.
_KINDS = {
    429: Kind.BUSY,
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
        self._proxies = {"no_proxy": host} if host in _LOOPBACK else {}
        # A session keeps its connection, and is of one thread.
        self._threads = threading.local()

    def states(self) -> list[VersionState]:
        """Returns the states of the model's versions."""
        statuses = self._ask("GET", self.address.text).get("model_version_status")
        if not isinstance(statuses, list):
            raise self._foreign()
        return [
            VersionState(
                int(status.get("version", 0)),
                str(status.get("state")),
                str(status.get("status", {}).get("error_message", "")),
            )
            for status in statuses
        ]

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
            "instances": _rows(
                {name: _values(array) for name, array in inputs.items()}
            ),
        }
        answer = self._ask("POST", f"{self.address.text}:predict", json=request)
        predictions = answer.get("predictions")
        if not isinstance(predictions, list) or not predictions:
            return {}
        if isinstance(predictions[0], dict) and list(predictions[0]) != ["b64"]:
            return {
                name: _array([row.get(name) for row in predictions])
                for name in predictions[0]
            }
        return {"": _array(predictions)}

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
        try:
            answer = self._session().request(
                method, url, timeout=self._timeout, proxies=self._proxies, **request
            )
        except requests.Timeout as error:
            raise ServerFailure(
                f"{url} did not answer within {self._timeout:g} seconds. Raise "
                "--timeout, or send smaller images.",
                Kind.LATE,
            ) from error
        except requests.RequestException as error:
            raise ServerFailure(
                f"{url}: the server cannot be reached or broke off ({_reason(error)}). "
                "Start it with `keras-unet serve` and wait until it is ready, or "
                "correct the address.",
                _kind(error),
            ) from error
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
    if status != 200:
        words = str(document.get("error") or answer.reason)
        hint = way_out(words, _FAULTS.get(status))
        raise ServerFailure(
            f"{url} answered {status}: {' '.join(words.split())} {hint}",
            _KINDS.get(status, Kind.REFUSED),
            status,
        )
    return document


def _values(array: np.ndarray) -> list:
    if array.dtype != object:
        return array.tolist()
    return [{"b64": base64.b64encode(value).decode("ascii")} for value in array]


def _rows(columns: dict[str, list]) -> list:
    if len(columns) == 1:
        return next(iter(columns.values()))
    names = list(columns)
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _array(rows: list) -> np.ndarray:
    if not rows or not isinstance(rows[0], dict | str):
        return np.array(rows)
    array = np.empty(len(rows), object)
    array[:] = [_bytes(row) for row in rows]
    return array


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, KeyError, binascii.Error):
        return b""


def _kind(error: requests.RequestException) -> Kind:
    """Tells a connection that was never made from one that broke."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return Kind.UNREACHABLE
        cause = cause.__context__
    return Kind.BROKEN if isinstance(error, requests.ConnectionError) else Kind.REFUSED


def _reason(error: requests.RequestException) -> str:
    """The innermost reason: requests wraps it in the words of two libraries."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return str(cause) or type(cause).__name__
