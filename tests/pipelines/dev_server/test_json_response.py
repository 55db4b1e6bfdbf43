import base64
import io
import json

import numpy as np
import PIL.Image
import pytest

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_response import error_body, predict_body


def png(array):
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def bytes_array(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_error_is_written_with_four_spaces_and_no_end_of_line():
    assert error_body('no "x"\n') == b'{\n    "error": "no \\"x\\"\\n"\n}'


def test_rows_of_several_outputs_are_objects():
    outputs = {"a": np.array([[1, 2]], np.int32), "b_bytes": bytes_array(b"\xff")}
    assert predict_body(outputs, row=True).decode() == (
        '{\n    "predictions": [\n        {\n            "a": [1, 2],\n'
        '            "b_bytes": {\n                "b64": "/w=="\n            }\n'
        "        }\n    ]\n}"
    )


def test_columns_of_several_outputs_are_members_of_one_object():
    outputs = {"a": np.array([True]), "b": np.zeros((1, 0), np.float32)}
    assert predict_body(outputs, row=False).decode() == (
        '{\n    "outputs": {\n        "a": [\n            true\n        ],\n'
        '        "b": [\n            []\n        ]\n    }\n}'
    )


def test_no_rows_are_an_empty_list():
    body = predict_body({"a": np.zeros((0, 2), np.float32)}, row=True)
    assert body == b'{\n    "predictions": []\n}'


def test_bytes_under_a_name_of_text_leave_as_they_came():
    body = predict_body({"mask": bytes_array(b"\xff\x00")}, row=True)
    assert b'["\xff\\u0000"' in body


def test_no_outputs_are_refused():
    with pytest.raises(ServingError, match="Cannot convert empty tensor map to JSON"):
        predict_body({}, row=True)


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
    # Outputs without dimensions.
    (
        b'{"signature_name": "no_batch", "inputs": [1, 2]}',
        '{\n    "outputs": 3.0\n}',
    ),
    (
        b'{"signature_name": "join", "inputs": ["a", "b"]}',
        '{\n    "outputs": {\n        "text": "ab",\n        "text_bytes": {\n'
        '            "b64": "YWI="\n        }\n    }\n}',
    ),
]


@pytest.mark.parametrize("request_body, answer", ANSWERED)
def test_answer_is_written_as_in_the_contract(server, request_body, answer, predict):
    assert predict(server, request_body) == (200, answer.encode())


@pytest.mark.parametrize(
    "sent, answered",
    [
        ({"instances": [{"a": 1, "b": 2}]}, {"predictions": [{"b": 2, "sum": 3.0}]}),
        ({"inputs": {"a": [1], "b": [2]}}, {"outputs": {"b": [2], "sum": [3.0]}}),
    ],
)
def test_several_outputs_are_objects(server, sent, answered, predict):
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
def test_element_of_dtype_comes_back(server, dtype, sent, answered, predict):
    request = f'{{"signature_name": "echo_{dtype}", "instances": [{sent}]}}'
    end = "\n    ]\n}"
    assert predict(server, request.encode()) == (
        200,
        f'{{\n    "predictions": [{answered}{end}'.encode(),
    )


def test_images_come_back_as_png_under_b64(server, predict):
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


def test_float32_reads_back_bit_by_bit(server, predict):
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
