"""A model over TensorFlow Serving's REST API."""

import io
import socket
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
import requests
import requests.adapters
import requests.auth
import urllib3
import urllib3.connection

from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.refusals import (
    FAULTS,
    KINDS,
    PORTS,
    check_unencrypted,
    distrust,
    lost,
    refusal,
    silence,
)
from pipelines.client.rest_failures import (
    is_no_http,
    is_of_tls,
    kind_of,
    reason_of,
)
from pipelines.client.rest_rows import request_body, to_array
from pipelines.client.server import ABOUT, CONTROL_SECONDS, LOOPBACK, VersionState
from pipelines.client.token import authorization

# A machine that is away does not even refuse. For urllib3 it is also the time that
# each block of a body has to be sent.
_CONNECT_SECONDS = 10.0
# A machine that is gone in the midst of a request is noticed before --timeout.
_KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
if hasattr(socket, "TCP_KEEPIDLE"):
    _KEEPALIVE += [
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20),
    ]


class _KeepaliveAdapter(requests.adapters.HTTPAdapter):
    """Asks silent connections for a sign of life."""

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """Makes connections with the options."""
        options = [*urllib3.connection.HTTPConnection.default_socket_options]
        settings["socket_options"] = options + _KEEPALIVE
        super().init_poolmanager(*arguments, **settings)


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
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature in row format, whose answers are the shorter ones."""
        # A file is sent block by block.
        body = io.BytesIO(request_body(signature, inputs))
        headers = {"Content-Type": "application/json"}
        answer = self._ask(
            "POST",
            f"{self.address.text}:predict",
            seconds or self._timeout,
            is_prediction=signature != ABOUT,
            data=body,
            headers=headers,
        )
        predictions = answer.get("predictions")
        if not isinstance(predictions, list):
            # As the page of a proxy.
            raise self._foreign()
        if not predictions:
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

    def pinned(self, version: int | None) -> "RestServer":
        """Returns the client of one version, or of none, over the same connections."""
        server = RestServer(self.address.of_version(version), self._timeout)
        server._threads = self._threads
        return server

    def close(self) -> None:
        """Ends this thread's connection; the others end with their threads."""
        self._session().close()

    def _foreign(self) -> ServerFailure:
        return ServerFailure(
            f"{self.address.text} answers, but not as TensorFlow Serving does. "
            f"Correct the address ({PORTS}), or look at what stands between, such as a "
            "proxy.",
            Kind.REFUSED,
        )

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            session = self._threads.session = requests.Session()
            for scheme in ("http://", "https://"):
                session.mount(scheme, _KeepaliveAdapter())
            token = authorization(self.address)
            if token:
                session.auth = _TokenAuth(token)
        return self._threads.session

    def _ask(
        self,
        method: str,
        url: str,
        seconds: float | None = None,
        *,
        is_prediction: bool = False,
        **request: Any,
    ) -> dict[str, Any]:
        seconds = min(seconds or CONTROL_SECONDS, self._timeout)
        try:
            answer = self._session().request(
                method,
                url,
                timeout=(min(_CONNECT_SECONDS, seconds), seconds),
                proxies=self._proxies,
                # A prediction would be sent on as a request without its body.
                allow_redirects=False,
                **request,
            )
        # Of requests' own errors, and of a file of certificates that is not there.
        except OSError as error:
            reason = reason_of(error)
            if not isinstance(error, requests.RequestException) or is_of_tls(error):
                raise distrust(url, reason, "REQUESTS_CA_BUNDLE") from error
            if is_no_http(error):
                raise self._foreign() from error
            kind = kind_of(error)
            if kind is Kind.LATE:
                raise silence(url, seconds, "", is_prediction=is_prediction) from error
            raise lost(url, reason, kind) from error
        return _document(url, answer, is_prediction)


def _document(
    url: str, answer: requests.Response, is_prediction: bool
) -> dict[str, Any]:
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
        check_unencrypted(url, status, "" if document else answer.text)
        words = str(document.get("error") or answer.reason)
        kind, fault = KINDS.get(status, Kind.REFUSED), FAULTS.get(status)
        raise refusal(url, status, words, kind, fault, is_prediction=is_prediction)
    return document
