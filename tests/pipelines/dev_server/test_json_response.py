import json

import numpy as np
import pytest

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_response import error_body, predict_body, status_body
from pipelines.dev_server.models import VersionStatus


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


def test_status_has_numbers_as_strings_and_an_end_of_line():
    body = status_body([VersionStatus(2, "END", "UNKNOWN", "no file")])
    assert body.endswith(b"\n}\n")
    assert json.loads(body) == {
        "model_version_status": [
            {
                "version": "2",
                "state": "END",
                "status": {"error_code": "UNKNOWN", "error_message": "no file"},
            }
        ]
    }
