"""Turns nested JSON lists into arrays, with the server's rules for each dtype.

Dtypes go by their names in TensorFlow's C++: "float" is float32.
"""

import base64
from typing import Any

import numpy as np

from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.json_document import quoted

_INT32 = (-(2**31), 2**31 - 1)
# What a whole number must lie in. As in TensorFlow Serving the small types take any
# int32 and wrap.
_WHOLE_RANGES = {
    "int8": _INT32,
    "int16": _INT32,
    "int32": _INT32,
    "uint8": _INT32,
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_TYPE_WORDS = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}

# NumPy 1.26's; TensorFlow computes with far fewer.
LARGEST_RANK = 32


def is_base64(value: Any) -> bool:
    """Tells whether a JSON value is {"b64": "..."}, which holds bytes."""
    named = isinstance(value, dict) and list(value) == ["b64"]
    return named and isinstance(value["b64"], str)


def flattened(value: Any, dtype: str) -> tuple[list, tuple[int, ...]]:
    """Returns (elements, shape) of nested lists.

    Args:
        value: nested lists, or a single element.
        dtype: TensorFlow's C++ name of the dtype that they are for.

    Raises:
        ServingError: the lists are ragged, or an element is not of the dtype.
    """
    sides = []
    inner = value
    while isinstance(inner, list):
        sides.append(len(inner))
        inner = inner[0] if inner else None
    _check_rank(len(sides))
    flat: list = []
    _append(value, 0, tuple(sides), dtype, flat)
    return flat, tuple(sides)


def to_array(flat: list, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Returns what `flattened` gave as an array; strings are objects of bytes."""
    _check_rank(len(shape))
    try:
        return _flat_array(flat, dtype).reshape(shape)
    except OverflowError:
        raise ServingError(
            "JSON Parse error: Number too big to be stored in double."
        ) from None


def _check_rank(rank: int) -> None:
    if rank > LARGEST_RANK:
        raise ServingError(
            f"Tensors have at most {LARGEST_RANK} dimensions, got {rank}."
        )


def _append(
    value: Any, level: int, shape: tuple[int, ...], dtype: str, flat: list
) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise ServingError(
                f"JSON Value: {quoted(value)} found at incorrect level: {level + 1} "
                f"in the JSON DOM. Expected at level: {rank}"
            )
        flat.append(_element(value, dtype))
        return
    if level >= rank:
        raise ServingError(
            f"Encountered list at unexpected level: {level} expected < {rank}"
        )
    if len(value) != shape[level]:
        raise ServingError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    if level == rank - 1 and dtype in ("float", "double"):
        # An image has a million numbers: their types are looked at all at once.
        if set(map(type, value)) <= {int, float}:
            flat.extend(value)
            return
    for child in value:
        _append(child, level + 1, shape, dtype, flat)


def _element(value: Any, dtype: str) -> Any:
    """A JSON value as an element of a tensor.

    Raises:
        ServingError: it is not of the dtype, or JSON has no such dtype here.
    """
    kind = type(value)
    if isinstance(value, dict) and dtype == "string":
        return _decoded(value)
    if dtype in ("float", "double"):
        fits = kind in (int, float)
    elif dtype in _WHOLE_RANGES:
        least, most = _WHOLE_RANGES[dtype]
        fits = kind is int and least <= value <= most
    elif dtype == "bool":
        fits = kind is bool
    elif dtype == "string":
        fits = kind is str
    elif isinstance(value, dict):
        fits = False
    else:
        raise ServingError(
            f"Conversion of JSON Value: {quoted(value)} to type: {dtype}",
            Code.UNIMPLEMENTED,
        )
    if not fits:
        word = str(value) if kind is bool else _TYPE_WORDS[kind]
        raise ServingError(
            f"JSON Value: {quoted(value)} Type: {word} is not of expected type: {dtype}"
        )
    return value.encode("utf-8", "surrogateescape") if kind is str else value


def _decoded(value: dict[str, Any]) -> bytes:
    if not is_base64(value):
        raise ServingError(
            f"JSON Value: {quoted(value)} not formatted correctly for base64 data"
        )
    # White space and missing padding are accepted; the URL-safe alphabet is not.
    padded = "".join(value["b64"].split())
    text = padded.rstrip("=")
    padding = "=" * (-len(text) % 4)
    try:
        if padded not in (text, text + padding):
            raise ValueError(padded)
        return base64.b64decode(text + padding, validate=True)
    except ValueError:
        raise ServingError("Unable to base64 decode") from None


def _flat_array(flat: list, dtype: str) -> np.ndarray:
    if dtype == "string":
        array = np.array(flat, object)
    elif dtype == "float":
        with np.errstate(
            over="ignore"
        ):  # 1e39 becomes Infinity, as TensorFlow Serving does
            array = np.array(flat, np.float64).astype(np.float32)
        # Denormals become zeros, as TensorFlow Serving does.
        denormal = np.abs(array) < np.finfo(np.float32).tiny
        array = np.where(denormal, np.copysign(np.float32(0), array), array)
    elif dtype == "double":
        array = np.array(flat, np.float64)
    elif dtype == "bool":
        array = np.array(flat, bool)
    else:
        wide = np.uint64 if dtype == "uint64" else np.int64
        array = np.array(flat, wide).astype(dtype)
    return array
