"""gRPC's health service, grpc.health.v1, as TensorFlow Serving has it.

It says SERVING for the names that it knows, whatever the state of the models is.
"""

from typing import Any

import grpc

SERVICE = "grpc.health.v1.Health"
# The two messages are too small for a package of their own. A request is field 1, the
# name, with its length; the answer is field 1, the number of SERVING.
_NAMES = (b"ModelService", b"PredictionService")
_KNOWN = {b"", b"\x0a\x00", *(bytes([0x0A, len(name)]) + name for name in _NAMES)}
_SERVING = b"\x08\x01"


def add_to_server(server: Any) -> None:
    """Adds the method Check to a server."""
    handler = grpc.unary_unary_rpc_method_handler(
        _check, request_deserializer=bytes, response_serializer=bytes
    )
    handlers = grpc.method_handlers_generic_handler(SERVICE, {"Check": handler})
    server.add_generic_rpc_handlers((handlers,))


def _check(request: bytes, context: Any) -> bytes:
    if request not in _KNOWN:
        context.abort(grpc.StatusCode.NOT_FOUND, "")
        return b""
    return _SERVING
