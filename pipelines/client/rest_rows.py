"""The row format of TensorFlow Serving's REST API."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


class Inputs(dict[str, np.ndarray]):
    """The inputs of one request, which may be sent several times.

    Attributes:
        body: the JSON that it was sent as, which takes seconds to make of a large
            region; None before.
    """

    body: bytes | None = None


def request_body(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Returns the JSON of a request; the lists that it is made of are not kept.

    Args:
        signature: its name.
        inputs: by name, with the batch first; `Inputs` of this request keep the JSON.
    """
    if isinstance(inputs, Inputs) and inputs.body is not None:
        return inputs.body
    columns = {name: to_values(array) for name, array in inputs.items()}
    request = {"signature_name": signature, "instances": to_rows(columns)}
    body = json.dumps(request, allow_nan=False).encode()
    if isinstance(inputs, Inputs):
        inputs.body = body
    return body


def to_values(array: np.ndarray) -> list:
    """Returns a tensor as nested lists; strings as objects in base64."""
    if array.dtype != object:
        return array.tolist()
    return [{"b64": base64.b64encode(value).decode("ascii")} for value in array]


def to_rows(columns: dict[str, list]) -> list:
    """Returns inputs by name as rows: values alone where there is one input."""
    if len(columns) == 1:
        return next(iter(columns.values()))
    names = list(columns)
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def to_array(rows: list) -> np.ndarray:
    """Returns one output of all rows as a tensor; text and base64 as bytes.

    Raises:
        ValueError: the rows differ in length.
    """
    if not rows or not isinstance(rows[0], dict | str):
        return np.array(rows)
    return np.array([_bytes(row) for row in rows], object)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, KeyError, binascii.Error):
        return b""
