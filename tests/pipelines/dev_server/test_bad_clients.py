"""Clients that are slow, cut off, or never read: others are not delayed by them."""

import contextlib
import json
import re
import socket
import threading
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

HEAD = b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
BODY = {"instances": [[1, 2]]}
MANY = 50
OPTIONS = [("grpc.max_send_message_length", -1)]


@pytest.fixture
def connect(development):
    """A function that opens a connection and sends bytes."""
    address = urllib.parse.urlsplit(development.rest)
    with contextlib.ExitStack() as sockets:

        def connect(data, port=address.port):
            opened = socket.create_connection((address.hostname, port), timeout=30)
            sockets.enter_context(contextlib.closing(opened))
            opened.sendall(data)
            return opened

        yield connect


@pytest.fixture
def others_are_answered(development, predict):
    """A function that checks that both transports answer; what hangs does for ever."""

    def check():
        status, body = predict(development.rest, BODY)
        assert (status, json.loads(body)) == (200, {"predictions": [[2.0, 4.0]]})
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "toy"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((1, 2), "f4")))
        with grpc.insecure_channel(development.grpc) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            answer = stub.Predict(request, timeout=60)
        assert list(answer.outputs["y"].float_val) == [2, 2]

    return check


def test_clients_that_send_slowly_delay_nobody(connect, others_are_answered):
    body = json.dumps(BODY).encode()
    slow = [connect(HEAD % len(body) + body[:3]) for _ in range(MANY)]
    others_are_answered()
    for opened in slow:
        opened.sendall(body[3:])
    assert all(opened.recv(12) == b"HTTP/1.1 200" for opened in slow)


def test_clients_that_are_cut_off_delay_nobody(connect, others_are_answered):
    for _ in range(MANY):
        opened = connect(HEAD % 1000 + b"{")
        # Reset instead of an orderly end.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        opened.close()
    others_are_answered()


GET = b"GET /v1/models/%s HTTP/1.1\r\nHost: x\r\n\r\n"
GOOD = b'{"instances": [[1, 2]]}'
CHUNKED = b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: x\r\n"
CHUNKED += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "sent, statuses",
    [
        (CHUNKED % (len(GOOD), GOOD), [200]),
        # Pipelined: answered in their order.
        (HEAD % len(GOOD) + GOOD + GET % b"nope" + GET % b"toy", [200, 404, 200]),
        # Content-Length is too small: what is behind the body is no request, after
        # which the connection is closed.
        (HEAD % 5 + GOOD, [400]),
        # It is too large: the request never comes.
        (HEAD % 1000 + GOOD, []),
        (HEAD.replace(b"%d", b"abc") + GOOD, [400]),
    ],
)
def test_requests_end_where_their_heads_say(
    connect, others_are_answered, sent, statuses
):
    opened = connect(sent)
    if not statuses:
        opened.shutdown(socket.SHUT_WR)
    answers, found = b"", []
    while found != statuses or not statuses:
        part = opened.recv(65536)
        if not part:
            break
        answers += part
        found = list(map(int, re.findall(rb"HTTP/1\.1 (\d+) ", answers)))
    assert found == statuses
    others_are_answered()


def test_clients_that_never_read_delay_nobody(connect, others_are_answered):
    # An answer of some megabytes: more than the buffers of a connection.
    body = json.dumps({"instances": [[0.123456789] * 100_000] * 2}).encode()
    for _ in range(4):
        connect(HEAD % len(body) + body)
    others_are_answered()
    others_are_answered()


def test_connections_that_send_no_http_delay_nobody(
    connect, development, others_are_answered
):
    port = int(development.grpc.rpartition(":")[2])
    for _ in range(MANY):
        connect(b"\x16\x03\x01 no HTTP\r\n\r\n")
        connect(b"\x16\x03\x01 no HTTP/2 either\r\n\r\n", port)
    others_are_answered()


def test_grpc_clients_that_send_no_message_delay_nobody(
    development, others_are_answered
):
    ended = threading.Event()

    def silent():
        ended.wait()
        yield from ()

    # More than the server has threads.
    with grpc.insecure_channel(development.grpc) as channel:
        method = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        calls = [method.future(silent()) for _ in range(100)]
        others_are_answered()
        assert not any(call.done() for call in calls)
        ended.set()


def test_grpc_clients_that_never_read_delay_nobody(development, others_are_answered):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "toy"
    # Answers of 800 kB, more than the window of a call holds.
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((10**5, 2), "f4")))
    with grpc.insecure_channel(development.grpc, OPTIONS) as channel:
        method = channel.unary_stream(
            "/tensorflow.serving.PredictionService/Predict",
            predict_pb2.PredictRequest.SerializeToString,
        )
        # More than the server has threads.
        calls = [method(request) for _ in range(100)]
        others_are_answered()
        for call in calls:
            call.cancel()
