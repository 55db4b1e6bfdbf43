import grpc
import pytest

from pipelines.dev_server import health
from pipelines.dev_server.models import ModelManager


def check(channel, service):
    call = channel.unary_unary(
        f"/{health.SERVICE}/Check",
        request_serializer=health.Request.SerializeToString,
        response_deserializer=health.Response.FromString,
    )
    return call(health.Request(service=service), timeout=30).status


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_known_names_are_serving(channel, service):
    assert check(channel, service) == health.SERVING


def test_full_names_are_not_found(channel):
    with pytest.raises(grpc.RpcError) as raised:
        check(channel, "tensorflow.serving.PredictionService")
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_messages_are_those_of_the_standard():
    # Field 1, length 1, "x"; field 1, number 1.
    assert health.Request(service="x").SerializeToString() == b"\x0a\x01x"
    assert health.Response(status=health.SERVING).SerializeToString() == b"\x08\x01"


def test_there_is_none_without_the_flag(toy_folder, serving):
    with (
        serving(ModelManager(toy_folder)) as addresses,
        grpc.insecure_channel(addresses.grpc) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        check(channel, "")
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
