import numpy as np
import pytest

from pipelines.client.rest_rows import (
    Inputs,
    request_body,
    to_array,
    to_rows,
    to_values,
)


def strings(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_strings_travel_in_base64_and_numbers_as_lists():
    assert to_values(strings(b"one")) == [{"b64": "b25l"}]
    assert to_values(np.array([[1, 2]])) == [[1, 2]]


def test_a_single_input_needs_no_names():
    assert to_rows({"x": [[1], [2]]}) == [[1], [2]]
    rows = to_rows({"x": [1, 2], "y": [3, 4]})
    assert rows == [{"x": 1, "y": 3}, {"x": 2, "y": 4}]


def test_a_request_is_json_without_nan():
    body = request_body("s", {"x": np.array([[1.5], [2.0]])})
    assert body == b'{"signature_name": "s", "instances": [[1.5], [2.0]]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        request_body("s", {"x": np.array([np.nan])})


def test_the_json_of_one_request_is_made_once():
    inputs = Inputs(x=np.array([[1.5]]))
    body = request_body("s", inputs)
    assert body == request_body("s", {**inputs})
    assert request_body("s", inputs) is body


def test_outputs_are_tensors_of_numbers_or_bytes():
    np.testing.assert_array_equal(to_array([[1.5], [2]]), [[1.5], [2.0]])
    assert to_array([{"b64": "b25l"}, "two"]).tolist() == [b"one", b"two"]


def test_rows_of_several_lengths_are_no_tensor():
    with pytest.raises(ValueError, match="inhomogeneous"):
        to_array([[1, 2], [3]])
