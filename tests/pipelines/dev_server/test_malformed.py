"""2,000 malformed requests: each is answered as the contract says, none harms.

`benchmarks/serving_malformed.py` sends as many more as it is told to.
"""

import base64
import contextlib
import http.client
import io
import json
import pathlib
import random
import sys
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
# Of TensorFlow Serving: the request is wrong, names nothing, or asks for too much.
# 409 is oneDNN's word for sizes that it cannot compute.
STATUSES = {200, 400, 404, 409, 501}
CODES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE"}
INITIALISER = "__saved_model_init_op"


@pytest.fixture(scope="module")
def malformed():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import malformed

        yield malformed
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
        sys.modules.pop("malformed", None)


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


def rest_answer(connection, method, path, body, headers):
    connection.request(method, urllib.parse.quote(path, safe="/:?%#=-"), body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_rest_answers_every_malformed_request(malformed, development_server, predict):
    address = urllib.parse.urlsplit(development_server)
    requests = malformed.rest_requests(GOOD, "toy", random.Random(1))
    found = set()
    with contextlib.closing(
        http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    ) as connection:
        for _, request in zip(range(NUM_REST), requests, strict=False):
            status, body = rest_answer(connection, *request)
            found.add(status)
            assert status in STATUSES, (request[0:2], request[2][:300], body[:300])
            if status != 200 and body and not body.startswith(b"<html"):
                assert set(json.loads(body)) == {"error"}, (request[2][:300], body)
    assert {200, 400, 404} <= found
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


def test_grpc_answers_every_malformed_request(malformed, development):
    requests = malformed.grpc_requests(MESSAGES, random.Random(2))
    # A few bytes may ask for a hundred thousand masks.
    with grpc.insecure_channel(development.grpc, CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        found = set()
        for _, request in zip(range(NUM_GRPC), requests, strict=False):
            code = code_of(call, request)
            found.add(code)
            assert code in allowed_codes(request), (request[:300], code)
        assert {"OK", "INVALID_ARGUMENT", "INTERNAL"} <= found
        answer = call(MESSAGES[0].SerializeToString(), timeout=60)
    outputs = predict_pb2.PredictResponse.FromString(answer).outputs
    np.testing.assert_array_equal(tf.make_ndarray(outputs["y"]), np.full((2, 2), 2))


def code_of(call, request):
    try:
        call(request, timeout=60)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def allowed_codes(data):
    try:
        sent = predict_pb2.PredictRequest.FromString(data)
    except Exception:
        # What is no message at all never comes to the service.
        return {"INTERNAL"}
    wants_initialiser = sent.model_spec.signature_name == INITIALISER
    return CODES | ({"INTERNAL"} if wants_initialiser else set())
