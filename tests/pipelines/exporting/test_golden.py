import base64
import json

import numpy as np

from pipelines.export_layout import GOLDEN
from pipelines.exporting.example_requests import ExampleRequest
from pipelines.exporting.golden import write_golden


def strings(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_requests_and_answers_are_written_as_the_format_says(tmp_path):
    requests = [
        ExampleRequest("a", "one", {"x": np.array([[1, 258]], np.uint16)}),
        ExampleRequest("b", "two", {"s": strings(b"\xff\0", b"")}),
        ExampleRequest("b", "warm", {"s": strings(b"")}, is_golden=False),
    ]
    answers = {
        "a": {"probability": np.array([0.5], np.float32)},
        "b": {"mask_bytes": strings(b"png"), "probability_bytes": strings(b"")},
    }
    write_golden(tmp_path, requests, lambda signature, inputs: answers[signature])
    document = json.loads((tmp_path / GOLDEN).read_text())
    assert document["format"] == 1
    one, two = document["requests"]
    assert one == {
        "name": "a/one",
        "signature": "a",
        "inputs": {
            # Little-endian: 1 is 1, 0 and 258 is 2, 1.
            "x": {
                "dtype": "uint16",
                "shape": [1, 2],
                "data": base64.b64encode(bytes([1, 0, 2, 1])).decode(),
            }
        },
        "outputs": {
            "probability": {
                "dtype": "float32",
                "shape": [1],
                "data": base64.b64encode(bytes([0, 0, 0, 0x3F])).decode(),
                "tolerance": 1e-5,
            }
        },
    }
    assert two["inputs"]["s"] == {"dtype": "string", "shape": [2], "data": ["/wA=", ""]}
    assert two["outputs"]["mask_bytes"]["tolerance"] == 0
    assert two["outputs"]["mask_bytes"]["data"] == ["cG5n"]
    assert two["outputs"]["probability_bytes"]["tolerance"] == 1
