"""2,000 malformed requests: each is answered as the contract says, none harms.

`benchmarks/serving_malformed.py` sends as many more as it is told to. What is wrong
with a request, and which code that has, is found out there too.
"""

import base64
import collections
import contextlib
import http.client
import importlib
import io
import json
import pathlib
import random
import socket
import sys
import threading
import types
import urllib.parse

import grpc
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from pipelines.client.grpc_server import CHANNEL_OPTIONS

ROOT = pathlib.Path(__file__).parents[3]
NUM_REST, NUM_GRPC = 1200, 800
INITIALISER = "__saved_model_init_op"
MODULES = ("malformed", "served_signatures", "rest_faults", "grpc_faults")


@pytest.fixture(scope="module")
def scripts():
    """What the benchmark sends and expects, whose imports are forgotten again."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield types.SimpleNamespace(
            **{name: importlib.import_module(name) for name in MODULES}
        )
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def served(scripts, toy_folder):
    """What toy is, of whose good requests all are answered but the initialiser's."""
    return scripts.served_signatures.Served(
        name="toy",
        signatures=scripts.served_signatures.read_signatures(toy_folder / "1"),
        documents=GOOD[:-1],
        messages=MESSAGES[:-1],
        bombs=[],
        checks_shapes=False,
    )


def png():
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.eye(5, dtype=np.uint8)).save(buffer, "png")
    return buffer.getvalue()


FILE = {"b64": base64.b64encode(png()).decode()}
GOOD = [
    {"instances": [[1, 2], [3, 4.5]]},
    {"instances": [{"x": [1, 2]}]},
    {"inputs": {"x": [[1, 2]]}, "signature_name": "serving_default"},
    {"signature_name": "two", "instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
    {"signature_name": "image_bytes", "instances": [FILE, FILE]},
    {"signature_name": "image_bytes", "inputs": {"image_bytes": [FILE]}},
    {"signature_name": "convolve", "instances": [[[[1.0], [2.0]]]]},
    {"signature_name": "echo_uint8", "instances": [300, 1]},
    {"signature_name": "no_batch", "inputs": [1, 2]},
    {"signature_name": "join", "inputs": ["a", {"b64": "YWI="}]},
    {"signature_name": INITIALISER, "instances": [1]},
]


# Of table A2 of the contract.
@pytest.mark.parametrize(
    ("tail", "body", "fault"),
    [
        (":predict", b'{"instances": [[1, 2], [3, 4.5]]}', "none"),
        (":predict", b'\xef\xbb\xbf {"instances": [[1, 2], [3, 4.5]]} x', "none"),
        (":predict", b'{"instances": [[1, 3]]}', "for the graph to find"),
        (":predict/", b"", "method or path"),
        ("/versions/2:predict", b'{"instances": [[1, 2]]}', "unknown version"),
        ("/labels/a:predict", b'{"instances": [[1, 2]]}', "unknown label"),
        (f"/versions/{2**63}:predict", b"", "version beyond int64"),
        (":classify", b"", "classify or regress"),
        ("s:predict", b'{"instances": [[1, 2]]}', "unknown model"),
        (":predict", b"", "no JSON"),
        (":predict", b'{"instances": [1e400]}', "no JSON"),
        (":predict", b'{"instances": [Inf]}', "JSON or base64 of another reader"),
        (":predict", b"[1, 2]", "no object"),
        (":predict", b'{"signature_name": 1, "instances": [1]}', "signature"),
        (":predict", b'{"signature_name": "no", "instances": [1]}', "signature"),
        (":predict", b"{}", "neither or both of instances and inputs"),
        (":predict", b'{"instances": []}', "values"),
        (":predict", b'{"instances": [["a"]]}', "values"),
        (":predict", b'{"instances": [[1], [1, 2]]}', "values"),
        (":predict", b'{"instances": [{"x": [1], "y": [1]}]}', "values"),
        (":predict", b'{"inputs": {"y": [1]}}', "values"),
        (
            ":predict",
            b'{"signature_name": "image_bytes", "instances": [{"b64": "-_"}]}',
            "values",
        ),
        (
            ":predict",
            b'{"signature_name": "echo_uint16", "inputs": [1]}',
            "dtype that JSON has not",
        ),
    ],
)
def test_the_fault_of_a_rest_request_is_found(scripts, served, tail, body, fault):
    path = f"/v1/models/toy{tail}"
    assert scripts.rest_faults.faults_of(served, "POST", path, body, {}) == {fault}


def test_of_several_faults_each_is_found(scripts, served):
    sent = "POST", "/v1/models/toy/versions/2:predict", b"[", {}
    found = scripts.rest_faults.faults_of(served, *sent)
    assert found == {"unknown version", "no JSON"}


def test_a_kept_connection_that_the_server_has_ended_is_no_answer(scripts):
    connections = []

    def answer(listener):
        # The first is ended after one answer, the third at once.
        for number in range(3):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connections.append(number)
                if number < 2:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        client = http.client.HTTPConnection(*listener.getsockname(), timeout=10)
        with contextlib.closing(client):
            for _ in range(2):
                found = scripts.malformed.answered(client, "POST", "/", b"a", {})
                assert found == (200, b"a")
            # One that is not kept has to answer.
            client.close()
            with pytest.raises(ConnectionError):
                scripts.malformed.answered(client, "POST", "/", b"a", {})
        thread.join()
    assert connections == [0, 1, 2]


def test_rest_answers_every_malformed_request(
    scripts, served, development_server, predict
):
    address = urllib.parse.urlsplit(development_server)
    requests = scripts.malformed.rest_requests(GOOD, "toy", random.Random(1))
    found = collections.Counter()
    with contextlib.closing(
        http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    ) as connection:
        for _, (method, path, body, headers) in zip(
            range(NUM_REST), requests, strict=False
        ):
            path = urllib.parse.quote(path, safe="/:?%#=-")
            request = method, path, body, headers
            status, answer = scripts.malformed.answered(connection, *request)
            faults = scripts.rest_faults.faults_of(served, *request)
            found.update(faults)
            allowed = set.union(*(scripts.rest_faults.CODES[one] for one in faults))
            assert status in allowed, (faults, method, path, body[:300], answer[:300])
            if status != 200 and answer and not answer.startswith(b"<html"):
                assert set(json.loads(answer)) == {"error"}, (body[:300], answer)
    # A toy has no graph that minds shapes or sizes, and no document for uint16.
    bomb = scripts.served_signatures.BOMB
    missing = {"dtype that JSON has not", "shape", bomb}
    assert set(found) == set(scripts.rest_faults.CODES) - missing
    answer = b'{\n    "predictions": [[2.0, 4.0]\n    ]\n}'
    assert predict(development_server, {"instances": [[1, 2]]}) == (200, answer)


def message(signature, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "toy"
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


MESSAGES = [
    message("", x=np.ones((2, 2), np.float32)),
    message("two", a=np.ones(3, np.float32), b=np.ones(3, np.int32)),
    message("image_bytes", image_bytes=[png(), png()]),
    message("convolve", image=np.ones((1, 3, 4, 1), np.float32)),
    message("echo_uint16", x=np.ones((2, 2), np.uint16)),
    message("no_batch", x=np.ones(2, np.float32)),
    message("join", x=[b"a", b"\xff"]),
    message(INITIALISER, x=np.ones(1, np.float32)),
]


def changed(change, number=0):
    """One of the messages, changed by a function, as bytes."""
    request = predict_pb2.PredictRequest()
    request.CopyFrom(MESSAGES[number])
    change(request)
    return request.SerializeToString()


# Of table A3 of the contract.
@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (changed(lambda sent: None), "none"),
        (
            changed(
                lambda sent: setattr(sent.inputs["x"], "tensor_content", b"\0" * 16)
            ),
            "for the graph to find",
        ),
        (b"\xff", "no message"),
        (b"", "no name of a model"),
        (changed(lambda sent: setattr(sent.model_spec, "name", "a")), "unknown model"),
        (
            changed(lambda sent: setattr(sent.model_spec, "version_label", "a")),
            "unknown label",
        ),
        (
            changed(lambda sent: setattr(sent.model_spec.version, "value", 9)),
            "unknown version",
        ),
        (
            changed(lambda sent: setattr(sent.model_spec, "signature_name", "no")),
            "unknown signature",
        ),
        (MESSAGES[-1].SerializeToString(), "signature without a method"),
        (changed(lambda sent: sent.inputs.clear()), "names of inputs"),
        (changed(lambda sent: setattr(sent.inputs["x"], "dtype", 4)), "dtype"),
        (
            changed(lambda sent: sent.inputs["x"].tensor_shape.dim.add(size=3)),
            "corrupt tensor",
        ),
        (
            changed(lambda sent: sent.inputs["x"].ClearField("tensor_content")),
            "tensor with too few values",
        ),
        (changed(lambda sent: sent.output_filter.append("no")), "names of outputs"),
    ],
)
def test_the_fault_of_a_grpc_request_is_found(scripts, served, data, fault):
    assert scripts.grpc_faults.faults_of(served, data) == {fault}


def test_grpc_answers_every_malformed_request(scripts, served, development):
    requests = scripts.malformed.grpc_requests(MESSAGES, random.Random(2))
    # A few bytes may ask for a hundred thousand masks.
    with grpc.insecure_channel(development.grpc, CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        found = collections.Counter()
        for _, request in zip(range(NUM_GRPC), requests, strict=False):
            code = code_of(call, request)
            faults = scripts.grpc_faults.faults_of(served, request)
            found.update(faults)
            allowed = set.union(*(scripts.grpc_faults.CODES[one] for one in faults))
            assert code in allowed, (faults, request[:300])
        # What lies in few bytes of a message is hit seldom.
        rare = {"unknown model", "unknown version", "unknown label"}
        rare |= {"no name of a model", "shape", scripts.served_signatures.BOMB}
        assert set(scripts.grpc_faults.CODES) - rare <= set(found)
        answer = call(MESSAGES[0].SerializeToString(), timeout=60)
    outputs = predict_pb2.PredictResponse.FromString(answer).outputs
    np.testing.assert_array_equal(tf.make_ndarray(outputs["y"]), np.full((2, 2), 2))


def code_of(call, request):
    try:
        call(request, timeout=60)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"
