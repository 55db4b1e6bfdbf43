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
