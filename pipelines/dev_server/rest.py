"""TensorFlow Serving's REST API over a model manager.

POST /v1/models/NAME[/versions/N|/labels/L]:predict
GET  /v1/models/NAME[/versions/N|/labels/L]             status
GET  /v1/models/NAME[/versions/N|/labels/L]/metadata
"""

import asyncio
import logging
import re
import urllib.parse
import zlib
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pipelines.dev_server import json_response
from pipelines.dev_server.answers import metadata_answer, status_answer
from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.json_document import parse_document
from pipelines.dev_server.json_request import request_arrays, signature_name
from pipelines.dev_server.models import ModelManager
from pipelines.export_layout import is_int64

_LOGGER = logging.getLogger(__name__)
HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INTERNAL: 500,
    Code.DATA_LOSS: 500,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
_SERVED = re.compile(r"/v1/.*", re.IGNORECASE)
# Matched as a whole, query string included: "unet?a=1" is the name of a model.
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>predict|classify|regress)",
    re.IGNORECASE,
)
_GET = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?",
    re.IGNORECASE,
)
_LARGEST_UNPACKED = 100 * 2**20
# As many as AnyIO has, in which starlette runs functions.
_NUM_THREADS = 40
# As `keras-unet serve` sets it for TensorFlow Serving (--rest_api_timeout_in_ms).
TIMEOUT_SECONDS = 600.0


class RestApp:
    """The ASGI application.

    Args:
        manager: the models to answer from.
        timeout: seconds that the graph has for one request.
    """

    def __init__(
        self, manager: ModelManager, timeout: float | None = TIMEOUT_SECONDS
    ) -> None:
        self._manager = manager
        self._timeout = timeout
        self._threads = asyncio.Semaphore(_NUM_THREADS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            response = await self._response(request, await request.body())
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The server ends, and the time that it leaves its requests is over.
            body = json_response.error_body("The server is shutting down")
            response = _json(body, HTTP_STATUS[Code.UNAVAILABLE])
            response.headers["connection"] = "close"
        await response(scope, receive, send)

    async def _response(self, request: Request, body: bytes) -> Response:
        target = _target(request.scope)
        if request.method == "OPTIONS":
            origin = request.headers.get("origin", "")
            return Response(status_code=200 if re.match("https?://", origin) else 400)
        if not _SERVED.fullmatch(target):
            html = "<html><head><title>404 Not Found</title></head></html>\n"
            return Response(html, 404, media_type="text/html")
        if request.method == "HEAD":
            return Response(status_code=400)
        match = _match(request.method, target)
        if match and not is_int64(match["version"] or "0"):
            return _json(b"", 400)
        try:
            if match and request.method == "POST":
                # In a thread, so that the server goes on answering; what is answered
                # at once stays out of it, for predictions may fill all threads.
                packed = "gzip" in request.headers.get("content-encoding", "")
                async with self._threads:
                    # A client that has not waited for a thread wants no answer.
                    if await request.is_disconnected():
                        raise ClientDisconnect
                    return _json(
                        await run_in_threadpool(self._post, match, body, packed=packed)
                    )
            if match:
                return _json(self._get(match))
            raise ServingError(f"Malformed request: {request.method} {target}")
        except ServingError as error:
            body = json_response.error_body(error.message)
            return _json(body, HTTP_STATUS[error.code])
        except ClientDisconnect:
            raise
        except Exception as error:  # a fault of this server, told as one
            _LOGGER.exception("Could not answer %s %s", request.method, target)
            return _json(json_response.error_body(str(error)), 500)

    def _post(self, match: re.Match[str], body: bytes, *, packed: bool) -> bytes:
        if match["method"].lower() != "predict":
            raise ServingError(
                f"The development server answers predict only, not {match['method']}",
                Code.UNIMPLEMENTED,
            )
        document = parse_document(_unpacked(body) if packed else body)
        wanted_signature = signature_name(document)
        _, model = self._manager.model(*_model_spec(match))
        signature = model.signature(wanted_signature)
        row, arrays = request_arrays(document, signature)
        outputs = model.run(signature, arrays, timeout=self._timeout)
        return json_response.predict_body(outputs, row=row)

    def _get(self, match: re.Match[str]) -> bytes:
        if match["name"] is None:
            raise ServingError("Missing model name in request.")
        if not match["metadata"]:
            name = urllib.parse.unquote(match["name"])
            # A label is not looked at: all versions are listed.
            statuses = self._manager.statuses(name, _version(match))
            return json_response.status_body(status_answer(statuses))
        name, version, label = _model_spec(match)
        number, model = self._manager.model(name, version, label)
        answer = metadata_answer(name, number, model.signature_defs)
        return json_response.metadata_body(answer)


def _target(scope: Any) -> str:
    """The path as it was sent, with its query string."""
    path = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _match(method: str, target: str) -> re.Match[str] | None:
    if method == "POST":
        return _POST.fullmatch(target)
    return _GET.fullmatch(target) if method == "GET" else None


def _model_spec(match: re.Match[str]) -> tuple[str, int | None, str | None]:
    label = urllib.parse.unquote(match["label"]) if match["label"] else None
    return urllib.parse.unquote(match["name"]), _version(match), label


def _version(match: re.Match[str]) -> int | None:
    if match["version"] is None:
        return None
    # Python reads no endless digits, not even zeros.
    return int(match["version"].lstrip("0") or 0)


def _unpacked(body: bytes) -> bytes:
    """The content of a gzip body; nothing if it is damaged or too long."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(body, _LARGEST_UNPACKED)
    except zlib.error:
        return b""
    return content if unpacker.eof else b""


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
