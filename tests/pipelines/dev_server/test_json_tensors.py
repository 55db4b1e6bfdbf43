import numpy as np
import pytest

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_tensors import flattened, is_base64, to_array


def array_of(value, dtype):
    return to_array(*flattened(value, dtype), dtype)


@pytest.mark.parametrize(
    "dtype, value, expected",
    [
        ("float", [[1, 2.5]], np.array([[1, 2.5]], np.float32)),
        ("double", 7, np.array(7.0)),
        ("float", [], np.zeros(0, np.float32)),
        ("uint8", [300, -1], np.array([44, 255], np.uint8)),
        ("int8", [200], np.array([-56], np.int8)),
        ("uint64", [2**64 - 1], np.array([2**64 - 1], np.uint64)),
        ("bool", [True, False], np.array([True, False])),
        ("float", [1e39, 1e-40], np.array([np.inf, 0], np.float32)),
    ],
)
def test_lists_become_an_array_of_the_dtype(dtype, value, expected):
    array = array_of(value, dtype)
    np.testing.assert_array_equal(array, expected)
    assert array.dtype == expected.dtype


def test_strings_become_bytes():
    array = array_of([["ü", {"b64": "gP8"}]], "string")
    assert array.shape == (1, 2)
    assert array.tolist() == [["ü".encode(), b"\x80\xff"]]


@pytest.mark.parametrize("text", ["-_-_", "A", "QUI==", "QUJD=", "QU!I", "ü"])
def test_bad_base64_is_refused(text):
    with pytest.raises(ServingError, match="Unable to base64 decode"):
        array_of({"b64": text}, "string")


@pytest.mark.parametrize("text", ["QUI=", "QUI", " QU\nI= "])
def test_padding_and_white_space_of_base64_may_vary(text):
    assert array_of({"b64": text}, "string").item() == b"AB"


@pytest.mark.parametrize(
    "value, message",
    [
        ([[1, 2], [3]], "unexpected size: 1 at level: 1 expected size: 2"),
        ([1, [2]], "unexpected level: 1 expected < 1"),
        ([[1], 2], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM."),
        ([{"a": 1}], "Type: Object is not of expected type: float"),
        ([1, 10**400], "Number too big"),
    ],
)
def test_lists_that_make_no_tensor_are_refused(value, message):
    with pytest.raises(ServingError, match=message):
        array_of(value, "float")


def test_object_with_other_keys_holds_no_bytes():
    assert is_base64({"b64": "QUI="})
    assert not is_base64({"b64": 1})
    assert not is_base64({"b64": "QUI=", "more": 1})
    with pytest.raises(ServingError, match="not formatted correctly for base64 data"):
        array_of([{"b64": 1}], "string")


@pytest.mark.parametrize("depth", [33, 900, 2000])
def test_lists_deeper_than_tensors_are_refused(depth):
    value = 1.0
    for _ in range(depth):
        value = [value]
    with pytest.raises(ServingError, match=f"at most 32 dimensions, got {depth}"):
        flattened(value, "float")
