import grpc
import pytest

from pipelines.dev_server.grpc_listener import GrpcListener

METHOD = "/echo.Echo/Say"


def to_bytes(number):
    return str(number).encode()


@pytest.fixture
def listener():
    """A server of one method that answers with a number one greater."""

    def add(server):
        handler = grpc.unary_unary_rpc_method_handler(
            lambda number, context: number + 1, int, to_bytes
        )
        handlers = grpc.method_handlers_generic_handler("echo.Echo", {"Say": handler})
        server.add_generic_rpc_handlers((handlers,))

    listener = GrpcListener(add, 2, [("grpc.so_reuseport", 0)])
    yield listener
    listener.stop(None)


@pytest.fixture
def say(listener):
    port = listener.add_insecure_port("127.0.0.1:0")
    listener.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary(METHOD)
        yield lambda data: method(data, timeout=10)


def test_methods_answer_in_threads(say):
    assert [say(b"1"), say(b"41")] == [b"2", b"42"]


def test_a_message_that_is_none_is_internal_and_the_next_is_answered(say):
    with pytest.raises(grpc.RpcError) as raised:
        say(b"no number")
    assert raised.value.code() is grpc.StatusCode.INTERNAL
    assert say(b"1") == b"2"


def test_a_taken_port_is_an_error(listener):
    port = listener.add_insecure_port("127.0.0.1:0")
    with pytest.raises(RuntimeError):
        listener.add_insecure_port(f"127.0.0.1:{port}")
