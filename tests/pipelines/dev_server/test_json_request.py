import json

import numpy as np
import pytest

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_request import request_arrays, signature_name
from pipelines.dev_server.saved_model import Input, Signature

ONE = Signature("one", {"x": Input("x:0", "float", None)}, {})
TWO = Signature(
    "two", {"a": Input("a:0", "float", None), "b": Input("b:0", "string", None)}, {}
)


def test_signature_name_is_empty_when_it_is_not_given():
    assert signature_name({}) == ""
    assert signature_name({"signature_name": "one"}) == "one"


def test_rows_are_stacked_and_columns_are_taken_whole():
    row, arrays = request_arrays({"instances": [[1, 2], [3, 4]]}, ONE)
    assert row
    np.testing.assert_array_equal(arrays["x"], [[1, 2], [3, 4]])
    row, arrays = request_arrays({"inputs": {"a": 5, "b": ["c"]}}, TWO)
    assert not row
    assert arrays["a"].shape == ()
    assert arrays["b"].tolist() == [b"c"]


def test_columns_of_one_input_need_no_name():
    _, arrays = request_arrays({"inputs": [[1, 2]]}, ONE)
    np.testing.assert_array_equal(arrays["x"], [[1, 2]])


@pytest.mark.parametrize(
    "document, message",
    [
        (
            {"instances": [1]},
            "is a plain list, but expecting list of objects",
        ),
        ({"inputs": [1]}, "inputs is a plain value/list, but expecting an object"),
        (
            {"instances": [{"a": 1, "b": "c"}, 2]},
            "Expecting object but got list at item 1 of input list",
        ),
    ],
)
def test_requests_for_two_inputs_must_name_them(document, message):
    with pytest.raises(ServingError, match=message):
        request_arrays(document, TWO)


def test_plain_rows_and_named_rows_do_not_mix():
    with pytest.raises(ServingError, match="Expecting value/list but got object"):
        request_arrays({"instances": [1, {"x": 2}]}, ONE)


_PLACE = "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
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
        {"signature_name": "echo_uint16", "instances": [1]},
        _PLACE.replace("INVALID_ARGUMENT", "UNIMPLEMENTED")
        + "Conversion of JSON Value: 1 to type: uint16",
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
        {"signature_name": "join", "instances": ["a"]},
        "Tensor name: text has no shape information ",
    ),
    (
        {"signature_name": "two_batches", "instances": [1, 2]},
        "Tensor name: first has inconsistent batch size: 1 expecting: 2",
    ),
]


@pytest.mark.parametrize("request_body, message", REFUSED)
def test_predict_is_refused_in_the_words_of_the_contract(
    server, request_body, message, predict
):
    status, body = predict(server, request_body)
    assert (status, json.loads(body)) == (400, {"error": message})


@pytest.mark.parametrize("number", [1e400, -1e400])
def test_number_beyond_double_is_a_parse_error(server, number, predict):
    text = "1e400" if number > 0 else "-1e400"
    status, body = predict(server, b'{"instances": [[1, %s]]}' % text.encode())
    assert status == 400
    assert "Number too big to be stored in double." in json.loads(body)["error"]


def test_undecodable_image_is_told_in_the_words_of_the_graph(server, predict):
    request = {"signature_name": "image_bytes", "instances": [{"b64": "bm8gaW1hZ2U="}]}
    status, body = predict(server, request)
    message = json.loads(body)["error"]
    assert status == 400
    assert message.startswith("Unknown image file format. One of JPEG")
    assert message.endswith("DecodeImage}}]]")


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
def test_element_of_another_type_is_refused(server, dtype, sent, word, predict):
    request = f'{{"signature_name": "echo_{dtype}", "instances": [{sent}]}}'
    status, body = predict(server, request.encode())
    name = "float" if dtype == "float32" else dtype
    expected = f"Type: {word} is not of expected type: {name}"
    assert status == 400
    assert expected in json.loads(body)["error"]


# TensorFlow Serving ends here (its process aborts in the convolution), so that only
# the development server is asked.
def test_wrong_rank_is_refused(development_server, predict):
    request = {"signature_name": "convolve", "inputs": [[[1.0], [2.0]]]}
    status, body = predict(development_server, request)
    assert status == 400
    assert json.loads(body)["error"] == (
        "Shape of tensor image [1,2,1] is not compatible with expected shape [?,?,?,1]."
    )
