import base64
import gzip
import http.client
import io
import json
import threading
import urllib.parse

import numpy as np
import PIL.Image
import pytest
import requests

TOY = "/v1/models/toy"
PREDICT = f"{TOY}:predict"
_PLACE = "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "


def png(array):
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def send(base, method, path, body=b"", headers=None):
    """Sends the path as it is: `requests` would tidy it up."""
    address = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def predict(base, request):
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return send(base, "POST", PREDICT, body)


# (method, path, status, message), one a row of the table of the contract.
PATHS = [
    ("GET", f"{TOY}/versions/9", 404, "Could not find version 9 of model toy"),
    ("GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
    ("GET", f"{TOY}?a=1", 404, "Could not find any versions of model toy?a=1"),
    ("GET", "/v1/models", 400, "Missing model name in request."),
    (
        "GET",
        "/v1/models/nope/metadata",
        404,
        "Servable not found for request: Latest(nope)",
    ),
    (
        "GET",
        f"{TOY}/versions/9/metadata",
        404,
        "Servable not found for request: Specific(toy, 9)",
    ),
    ("GET", f"{TOY}/", 400, f"Malformed request: GET {TOY}/"),
    ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
    ("POST", TOY, 400, f"Malformed request: POST {TOY}"),
    ("PUT", PREDICT, 400, f"Malformed request: PUT {PREDICT}"),
    ("DELETE", TOY, 400, f"Malformed request: DELETE {TOY}"),
    ("GET", f"{TOY}/versions/abc", 400, f"Malformed request: GET {TOY}/versions/abc"),
    (
        "POST",
        f"{TOY}/labels/stable:predict",
        400,
        "Unrecognized servable version label: stable",
    ),
    (
        "POST",
        "/v1/models/nope:predict",
        404,
        "Servable not found for request: Latest(nope)",
    ),
    (
        "POST",
        f"{TOY}/versions/9:predict",
        404,
        "Servable not found for request: Specific(toy, 9)",
    ),
]


@pytest.mark.parametrize("method, path, status, message", PATHS)
def test_path_is_refused_in_the_words_of_the_contract(
    server, method, path, status, message
):
    body = b'{"instances": [[1, 2]]}' if method == "POST" else b""
    expected = '{\n    "error": ' + json.dumps(message) + "\n}"
    assert send(server, method, path, body) == (status, expected.encode())


@pytest.mark.parametrize(
    "method, path, status, headers",
    [
        ("HEAD", TOY, 400, {}),
        ("OPTIONS", TOY, 400, {}),
        ("OPTIONS", TOY, 200, {"Origin": "http://example.org"}),
        ("GET", f"{TOY}/versions/9223372036854775808", 400, {}),
        ("POST", f"{TOY}/versions/9223372036854775808:predict", 400, {}),
    ],
)
def test_answer_has_no_body(server, method, path, status, headers):
    assert send(server, method, path, headers=headers) == (status, b"")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models/toy"])
def test_path_outside_of_the_api_is_an_html_404(server, path):
    status, body = send(server, "GET", path)
    assert status == 404
    assert b"<html" in body.lower()


# (request, message): all are answered 400.
REFUSED = [
    (b"", "JSON Parse error: The document is empty"),
    (b'{"instances": nope}', "JSON Parse error: Invalid value. at offset: 15"),
    (b"[1, 2]", "JSON Value: [1, 2] Is not object"),
    (
        {"signature_name": "nope", "instances": [1]},
        'Serving signature name: "nope" not found in signature def',
    ),
    (
        {"signature_name": "__saved_model_init_op", "instances": [1]},
        "Failed to get input map for signature: __saved_model_init_op",
    ),
    (
        {"signature_name": 1},
        'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    ({}, "Missing 'inputs' or 'instances' key"),
    (
        {"inputs": 1, "instances": 1},
        'JSON Value: {\n    "inputs": 1,\n    "instances": 1\n} Not formatted '
        "correctly expecting only one of 'inputs' or 'instances' keys to exist ",
    ),
    (
        {"instances": 1},
        "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an "
        "list/array",
    ),
    (
        {"instances": []},
        "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
    ),
    (
        {"instances": ["a"]},
        _PLACE + 'JSON Value: "a" Type: String is not of expected type: float',
    ),
    (
        {"instances": [[[1, 2], [3]]]},
        _PLACE + "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
    ),
    (
        {"instances": [[1, 2], [1, 2, 3]]},
        _PLACE.replace("0", "1") + "Expecting tensor size: 2 but got: 3",
    ),
    (
        {"instances": [[[1, 2]], [[1], [2]]]},
        _PLACE.replace("0", "1") + "Expecting shape [1,2] but got: [2,1]",
    ),
    (
        {"instances": [{"nope": 1}]},
        "Failed to process element: 0 key: nope of 'instances' list. Error: "
        "INVALID_ARGUMENT: JSON object: does not have named input: nope",
    ),
    (
        {"signature_name": "two", "instances": [{"a": 1}]},
        "Failed to process element: 0 of 'instances' list. JSON object: "
        '{\n    "a": 1\n} keys must be equal to: a,b',
    ),
    (
        {"signature_name": "two", "inputs": {"a": [1]}},
        "Missing named input: b in 'inputs' object.",
    ),
    (
        {"signature_name": "echo_string", "instances": [{"b64": "-_-_"}]},
        _PLACE + "Unable to base64 decode",
    ),
    (
        {"signature_name": "echo_float16", "instances": [1]},
        _PLACE.replace("INVALID_ARGUMENT", "UNIMPLEMENTED")
        + "Conversion of JSON Value: 1 to type: half",
    ),
    (
        {"signature_name": "half_out", "instances": [1]},
        "Failed to write JSON value for tensor type: half",
    ),
    (
        {"signature_name": "no_batch", "instances": [1]},
        "Tensor name: total has no shape information ",
    ),
    (
        {"signature_name": "two_batches", "instances": [1, 2]},
        "Tensor name: first has inconsistent batch size: 1 expecting: 2",
    ),
]


@pytest.mark.parametrize("request_body, message", REFUSED)
def test_predict_is_refused_in_the_words_of_the_contract(server, request_body, message):
    status, body = predict(server, request_body)
    assert (status, json.loads(body)) == (400, {"error": message})


@pytest.mark.parametrize("number", [1e400, -1e400])
def test_number_beyond_double_is_a_parse_error(server, number):
    text = "1e400" if number > 0 else "-1e400"
    status, body = predict(server, b'{"instances": [[1, %s]]}' % text.encode())
    assert status == 400
    assert "Number too big to be stored in double." in json.loads(body)["error"]


def test_undecodable_image_is_told_in_the_words_of_the_graph(server):
    request = {"signature_name": "image_bytes", "instances": [b64(b"no image")]}
    status, body = predict(server, request)
    message = json.loads(body)["error"]
    assert status == 400
    assert message.startswith("Unknown image file format. One of JPEG")
    assert message.endswith("DecodeImage}}]]")


ANSWERED = [
    # Row format: lists on one line, the end of the outer one on a line of its own.
    (
        b'{"instances": [[1, 2], [3, 4.5]]}',
        '{\n    "predictions": [[2.0, 4.0], [6.0, 9.0]\n    ]\n}',
    ),
    (b'{"instances": [{"x": [1, 2]}]}', '{\n    "predictions": [[2.0, 4.0]\n    ]\n}'),
    # Columnar format: one number a line.
    (
        b'{"inputs": [[1, 2]]}',
        '{\n    "outputs": [\n        [\n            2.0,\n            4.0\n'
        "        ]\n    ]\n}",
    ),
    # An extra key, garbage behind the object, a byte order mark and "" as signature
    # are accepted; of equal keys the first counts.
    (
        b'\xef\xbb\xbf{"inputs": {"x": [[1, 2]], "more": 1}, "inputs": 0, "a": [],'
        b'"signature_name": ""} garbage',
        '{\n    "outputs": [\n        [\n            2.0,\n            4.0\n'
        "        ]\n    ]\n}",
    ),
    # The graph alone checks sizes of sides.
    (b'{"instances": [[1, 2, 3]]}', '{\n    "predictions": [[2.0, 4.0, 6.0]\n    ]\n}'),
    (
        b'{"instances": [[NaN, Inf]]}',
        '{\n    "predictions": [[NaN, Infinity]\n    ]\n}',
    ),
    (
        b'{"instances": [[-Infinity, 1e39]]}',
        '{\n    "predictions": [[-Infinity, Infinity]\n    ]\n}',
    ),
]


@pytest.mark.parametrize("request_body, answer", ANSWERED)
def test_answer_is_written_as_in_the_contract(server, request_body, answer):
    assert predict(server, request_body) == (200, answer.encode())


@pytest.mark.parametrize(
    "sent, answered",
    [
        ({"instances": [{"a": 1, "b": 2}]}, {"predictions": [{"b": 2, "sum": 3.0}]}),
        ({"inputs": {"a": [1], "b": [2]}}, {"outputs": {"b": [2], "sum": [3.0]}}),
    ],
)
def test_several_outputs_are_objects(server, sent, answered):
    status, body = predict(server, {"signature_name": "two", **sent})
    assert (status, json.loads(body)) == (200, answered)


@pytest.mark.parametrize(
    "dtype, sent, answered",
    [
        ("float32", "1", "1.0"),
        ("float32", "9000000", "9e+06"),
        ("float32", "-0.0", "-0.0"),
        ("float32", "0.1", "0.1"),
        ("float64", "0.1", "0.1"),
        ("float32", "16777215", "16777215.0"),
        ("int8", "200", "-56"),
        ("int16", "-3", "-3"),
        ("int32", "-2147483648", "-2147483648"),
        ("int64", "9007199254740993", "9007199254740993"),
        ("uint8", "300", "44"),
        ("uint8", "-1", "255"),
        ("uint32", "4294967295", "4294967295"),
        ("uint64", "18446744073709551615", "18446744073709551615"),
        ("bool", "true", "true"),
        ("string", '"Zürich"', '"Zürich"'),
        ("string", '{"b64": "YWI"}', '"ab"'),
    ],
)
def test_element_of_dtype_comes_back(server, dtype, sent, answered):
    request = f'{{"signature_name": "echo_{dtype}", "instances": [{sent}]}}'
    end = "\n    ]\n}"
    assert predict(server, request.encode()) == (
        200,
        f'{{\n    "predictions": [{answered}{end}'.encode(),
    )


@pytest.mark.parametrize(
    "dtype, sent, word",
    [
        ("int32", "1.0", "Number"),
        ("int32", "2147483648", "Number"),
        ("uint8", "true", "True"),
        ("uint32", "-1", "Number"),
        ("bool", "1", "Number"),
        ("string", "1", "Number"),
        ("float32", "null", "Null"),
        ("float32", "true", "True"),
    ],
)
def test_element_of_another_type_is_refused(server, dtype, sent, word):
    request = f'{{"signature_name": "echo_{dtype}", "instances": [{sent}]}}'
    status, body = predict(server, request.encode())
    name = "float" if dtype == "float32" else dtype
    expected = f"Type: {word} is not of expected type: {name}"
    assert status == 400
    assert expected in json.loads(body)["error"]


def test_images_come_back_as_png_under_b64(server):
    small = np.array([[0, 200, 90]], np.uint8)
    large = np.full((4, 5), 255, np.uint8)
    instances = [b64(png(small)), b64(png(large))]
    status, body = predict(
        server, {"signature_name": "image_bytes", "instances": instances}
    )
    masks = [
        np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(mask["b64"]))))
        for mask in json.loads(body)["predictions"]
    ]
    assert status == 200
    np.testing.assert_array_equal(masks[0], [[0, 255, 0]])
    np.testing.assert_array_equal(masks[1], large)
    assert body.startswith(b'{\n    "predictions": [{\n            "b64": "')


def test_status_lists_the_version(server):
    expected = {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    for path in (TOY, f"{TOY}/versions/1", f"{TOY}/labels/any", "/V1/MODELS/t%6Fy"):
        status, body = send(server, "GET", path)
        assert (status, body.decode()) == (200, json.dumps(expected, indent=1) + "\n")


def test_metadata_tells_the_signatures(server):
    answer = requests.get(f"{server}{TOY}/versions/1/metadata", timeout=60).json()
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert answer["model_spec"] == {
        "name": "toy",
        "version": "1",
        "signature_name": "",
    }
    assert signatures["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
            "unknown_rank": False,
        },
        "name": "serving_default_x:0",
    }
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["serving_default"]["defaults"] == {}
    assert signatures["echo_float16"]["inputs"]["x"]["dtype"] == "DT_HALF"
    assert signatures["echo_bool"]["inputs"]["x"]["tensor_shape"] == {
        "dim": [],
        "unknown_rank": True,
    }
    assert "__saved_model_init_op" in signatures


def test_gzip_body_is_unpacked_and_a_damaged_one_is_empty(server):
    packed = gzip.compress(b'{"instances": [[1, 2]]}')
    headers = {"Content-Encoding": "gzip"}
    status, body = send(server, "POST", PREDICT, packed, headers)
    assert (status, json.loads(body)) == (200, {"predictions": [[2.0, 4.0]]})
    status, body = send(server, "POST", PREDICT, b"no gzip", headers)
    assert status == 400
    assert json.loads(body) == {"error": "JSON Parse error: The document is empty"}


def test_float32_reads_back_bit_by_bit(server):
    bits = np.random.default_rng(seed=0).integers(0, 2**32, 5000, np.uint32)
    numbers = bits.view(np.float32)
    # What is not finite has words of its own; denormals become 0 on the way in.
    usual = np.isfinite(numbers) & (np.abs(numbers) >= np.finfo(np.float32).tiny)
    numbers = numbers[usual]
    request = {
        "signature_name": "echo_float32",
        "instances": numbers.astype(np.float64).tolist(),
    }
    status, body = predict(server, request)
    answered = np.array(json.loads(body)["predictions"]).astype(np.float32)
    assert status == 200
    np.testing.assert_array_equal(answered.view(np.uint32), numbers.view(np.uint32))


# TensorFlow Serving ends here (its process aborts in the convolution), so that only
# the development server is asked.
def test_wrong_rank_is_refused(development_server):
    request = {"signature_name": "convolve", "inputs": [[[1.0], [2.0]]]}
    status, body = predict(development_server, request)
    assert status == 400
    assert json.loads(body)["error"] == (
        "Shape of tensor image [1,2,1] is not compatible with expected shape [?,?,?,1]."
    )


def test_status_is_answered_while_predictions_wait(development_server, monkeypatch):
    started, released = threading.Event(), threading.Event()

    def slow(self, signature, arrays):
        started.set()
        released.wait(30)
        return {"y": arrays["x"]}

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", slow)
    waiting = threading.Thread(
        target=predict, args=(development_server, b'{"instances": [[1, 2]]}')
    )
    waiting.start()
    try:
        assert started.wait(30)
        assert send(development_server, "GET", TOY)[0] == 200
    finally:
        released.set()
        waiting.join()


def test_fault_of_the_server_is_a_500_with_its_words(development_server, monkeypatch):
    def broken(self, signature, arrays):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", broken)
    status, body = predict(development_server, b'{"instances": [[1, 2]]}')
    assert (status, json.loads(body)) == (500, {"error": "the disk is gone"})
