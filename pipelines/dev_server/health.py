"""gRPC's health service, grpc.health.v1, as TensorFlow Serving has it.

It says SERVING for the names that it knows, whatever the state of the models is.
"""

from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "grpc.health.v1.Health"
SERVING = 1
_NAMES = ("", "ModelService", "PredictionService")


def _message_classes() -> tuple[Any, Any]:
    """Makes the two messages, which are too few for a package of their own."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="health.proto", package="grpc.health.v1", syntax="proto3"
    )
    for message, name, kind in (
        ("HealthCheckRequest", "service", field.TYPE_STRING),
        # An enum and an int32 are the same on the wire.
        ("HealthCheckResponse", "status", field.TYPE_INT32),
    ):
        file.message_type.add(name=message).field.add(
            name=name, number=1, type=kind, label=field.LABEL_OPTIONAL
        )
    # A pool of its own: another package may have these names in the default one.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
        for name in (
            "grpc.health.v1.HealthCheckRequest",
            "grpc.health.v1.HealthCheckResponse",
        )
    )


Request, Response = _message_classes()


def add_to_server(server: Any) -> None:
    """Adds the method Check to a server."""
    handler = grpc.unary_unary_rpc_method_handler(
        _check,
        request_deserializer=Request.FromString,
        response_serializer=Response.SerializeToString,
    )
    handlers = grpc.method_handlers_generic_handler(SERVICE, {"Check": handler})
    server.add_generic_rpc_handlers((handlers,))


def _check(request: Any, context: Any) -> Any:
    if request.service not in _NAMES:
        context.abort(grpc.StatusCode.NOT_FOUND, "")
    return Response(status=SERVING)
