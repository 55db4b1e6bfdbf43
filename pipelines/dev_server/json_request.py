"""Turns the JSON body of a predict request into arrays, or into the server's error."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_document import quoted
from pipelines.dev_server.json_tensors import flattened, is_base64, to_array
from pipelines.dev_server.saved_model import Input, Signature


def signature_name(document: dict[str, Any]) -> str:
    """Returns the signature that a request asks for, "" for the default one.

    Raises:
        ServingError: it is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise ServingError(
            f"JSON Value: {quoted(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def request_arrays(
    document: dict[str, Any], signature: Signature
) -> tuple[bool, dict[str, np.ndarray]]:
    """Returns (row, arrays): whether the request is in row format, and its inputs.

    Args:
        document: the request, with `instances` (row format: element i is row i of
            every input) or `inputs` (columnar: whole inputs, with their batch).
        signature: the signature it is for.

    Raises:
        ServingError: the request does not fit the signature.
    """
    if not signature.inputs:
        raise ServingError(f"Failed to get input map for signature: {signature.name}")
    row = "instances" in document
    if row and "inputs" in document:
        raise ServingError(
            f"JSON Value: {quoted(document)} Not formatted correctly expecting only "
            "one of 'inputs' or 'instances' keys to exist "
        )
    if row:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise ServingError(
                f"JSON Value: {quoted(document)} Expecting 'instances' to be an "
                "list/array"
            )
        if not instances:
            raise ServingError(
                f"JSON Value: {quoted(document)} No values in 'instances' array"
            )
        return True, _row_arrays(instances, signature.inputs)
    if "inputs" not in document:
        raise ServingError("Missing 'inputs' or 'instances' key")
    return False, _columnar_arrays(document["inputs"], signature.inputs)


def _columnar_arrays(value: Any, inputs: dict[str, Input]) -> dict[str, np.ndarray]:
    if not _is_named(value):
        if len(inputs) > 1:
            raise ServingError(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        value = dict.fromkeys(inputs, value)
    arrays = {}
    for name, info in inputs.items():
        if name not in value:
            raise ServingError(f"Missing named input: {name} in 'inputs' object.")
        flat, shape = flattened(value[name], info.dtype)
        arrays[name] = to_array(flat, shape, info.dtype)
    return arrays


def _row_arrays(instances: list, inputs: dict[str, Input]) -> dict[str, np.ndarray]:
    if not isinstance(instances[0], dict) and len(inputs) > 1:
        raise ServingError(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    named = _is_named(instances[0])
    rows = _Rows(inputs)
    for index, element in enumerate(instances):
        if named != _is_named(element):
            expected = "object but got list" if named else "value/list but got object"
            raise ServingError(f"Expecting {expected} at item {index} of input list")
        place = f"Failed to process element: {index}"
        if not named:
            _in_place(f"{place} of", rows.add, next(iter(inputs)), element)
            continue
        for name, value in element.items():
            _in_place(f"{place} key: {name} of", rows.add, name, value)
        if set(element) != set(inputs):
            raise ServingError(
                f"{place} of 'instances' list. JSON object: {quoted(element)} keys "
                f"must be equal to: {','.join(sorted(inputs))}"
            )
    return rows.arrays(len(instances))


def _in_place(place: str, add: Callable, name: str, value: Any) -> None:
    try:
        add(name, value)
    except ServingError as error:
        # TensorFlow Serving keeps the inner code in the words only.
        raise ServingError(f"{place} 'instances' list. Error: {error}") from error


class _Rows:
    """The rows of each input so far; all rows of one input have one shape."""

    def __init__(self, inputs: dict[str, Input]) -> None:
        self._inputs = inputs
        self._flat: dict[str, list] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def add(self, name: str, value: Any) -> None:
        if name not in self._inputs:
            raise ServingError(f"JSON object: does not have named input: {name}")
        flat, shape = flattened(value, self._inputs[name].dtype)
        first = self._shapes.setdefault(name, shape)
        size = int(np.prod(first))
        if len(flat) != size:
            raise ServingError(f"Expecting tensor size: {size} but got: {len(flat)}")
        if shape != first:
            raise ServingError(
                f"Expecting shape {_shape_text(first)} but got: {_shape_text(shape)}"
            )
        self._flat.setdefault(name, []).extend(flat)

    def arrays(self, count: int) -> dict[str, np.ndarray]:
        return {
            name: to_array(flat, (count, *self._shapes[name]), self._inputs[name].dtype)
            for name, flat in self._flat.items()
        }


def _is_named(value: Any) -> bool:
    """Whether a value holds inputs by name; {"b64": "..."} is a plain value."""
    return isinstance(value, dict) and not is_base64(value)


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
