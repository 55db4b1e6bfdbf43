import grpc
import pytest

from pipelines.dev_server import health
from pipelines.dev_server.models import ModelManager

# As the messages of the standard are on the wire: field 1, length, name.
KNOWN = [b"", b"\x0a\x00", b"\x0a\x0cModelService", b"\x0a\x11PredictionService"]
SERVING = b"\x08\x01"  # field 1, number 1


def check(channel, request):
    return channel.unary_unary(f"/{health.SERVICE}/Check")(request, timeout=30)


@pytest.mark.parametrize("request_bytes", KNOWN)
def test_known_names_are_serving(channel, request_bytes):
    assert check(channel, request_bytes) == SERVING


def test_full_names_are_not_found(channel):
    name = b"tensorflow.serving.PredictionService"
    with pytest.raises(grpc.RpcError) as raised:
        check(channel, bytes([0x0A, len(name)]) + name)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_there_is_none_without_the_flag(toy_folder, serving):
    with (
        serving(ModelManager(toy_folder)) as addresses,
        grpc.insecure_channel(addresses.grpc) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        check(channel, b"")
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
