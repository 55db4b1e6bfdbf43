"""Writes the JSON of answers: predictions, model status, metadata and errors."""

import base64
import inspect
import json
from typing import Any

import numpy as np
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2

from pipelines.dev_server.answers import METADATA_FIELD
from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_numbers import decimal_texts
from pipelines.dev_server.saved_model import type_name

_INDENT = "    "
# Of messages those without a value are written too; protobuf 5 has renamed the option.
_OPTIONS = "always_print_fields_with_no_presence", "including_default_value_fields"
_PARAMETERS = inspect.signature(json_format.MessageToJson).parameters
_ALL_FIELDS = {name: True for name in _OPTIONS if name in _PARAMETERS}
_WHOLE_TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")


def error_body(message: str) -> bytes:
    """Returns the body of every error; bytes of the request that are no UTF-8 go."""
    readable = _encoded(message).decode("utf-8", "replace")
    return _encoded(f'{{\n{_INDENT}"error": {_string(readable)}\n}}')


def predict_body(outputs: dict[str, np.ndarray], *, row: bool) -> bytes:
    """Returns the answer to a predict request.

    Args:
        outputs: the outputs by name; strings as object arrays of bytes.
        row: whether the request was in row format.

    Raises:
        ServingError: an output has a dtype that JSON is not written for, or, in row
            format, no batch or another batch size than the others.
    """
    if not outputs:
        raise ServingError("Cannot convert empty tensor map to JSON")
    body = _row_body(outputs) if row else _columnar_body(outputs)
    return _encoded(body)


def status_body(answer: Message) -> bytes:
    """Returns the answer to a status request, a `GetModelStatusResponse`, as JSON."""
    return _encoded(_message_text(answer))


def metadata_body(answer: Any) -> bytes:
    """Returns the answer to a metadata request, a `GetModelMetadataResponse`."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata[METADATA_FIELD].Unpack(signatures)
    return _encoded(
        f'{{\n"model_spec":{_message_text(answer.model_spec)},\n'
        f'"metadata": {{"{METADATA_FIELD}": {_message_text(signatures)}}}\n}}\n'
    )


def _message_text(message: Message) -> str:
    text = json_format.MessageToJson(
        message,
        preserving_proto_field_name=True,
        indent=1,
        ensure_ascii=False,
        **_ALL_FIELDS,
    )
    return text + "\n"


def _row_body(outputs: dict[str, np.ndarray]) -> str:
    _check_batch(outputs)
    # A row of several outputs is an object, which is one level further in.
    level = 2 if len(outputs) == 1 else 3
    columns = {
        name: [
            _value_text(row, level, single_line=True, binary=_is_binary(name, array))
            for row in _texts(name, array)
        ]
        for name, array in outputs.items()
    }
    num_rows = len(next(iter(columns.values())))
    if not num_rows:
        rows = ""
    elif len(columns) == 1:
        rows = ", ".join(next(iter(columns.values()))) + f"\n{_INDENT}"
    else:
        objects = (_row_object(columns, index) for index in range(num_rows))
        rows = ",".join(objects) + f"\n{_INDENT}"
    return f'{{\n{_INDENT}"predictions": [{rows}]\n}}'


def _check_batch(outputs: dict[str, np.ndarray]) -> None:
    batch_size = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise ServingError(f"Tensor name: {name} has no shape information ")
        if batch_size not in (None, len(array)):
            raise ServingError(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} "
                f"expecting: {batch_size}"
            )
        batch_size = len(array)


def _row_object(columns: dict[str, list[str]], index: int) -> str:
    members = (
        f"\n{3 * _INDENT}{_string(name)}: {column[index]}"
        for name, column in columns.items()
    )
    return f"\n{2 * _INDENT}{{{','.join(members)}\n{2 * _INDENT}}}"


def _columnar_body(outputs: dict[str, np.ndarray]) -> str:
    level = 1 if len(outputs) == 1 else 2
    values = {
        name: _value_text(
            _texts(name, array),
            level,
            single_line=False,
            binary=_is_binary(name, array),
        )
        for name, array in outputs.items()
    }
    if len(values) == 1:
        value = next(iter(values.values()))
    else:
        members = (
            f"\n{2 * _INDENT}{_string(name)}: {text}" for name, text in values.items()
        )
        value = f"{{{','.join(members)}\n{_INDENT}}}"
    return f'{{\n{_INDENT}"outputs": {value}\n}}'


def _is_binary(name: str, array: np.ndarray) -> bool:
    """Whether an output is written as {"b64": ...}: its name says so."""
    return array.dtype == object and name.endswith("_bytes")


def _texts(name: str, array: np.ndarray) -> Any:
    """The JSON text of each element, as an object array of the same shape.

    That of a tensor without dimensions is the text alone.
    """
    if array.dtype == object:
        flat = [_string_text(value, _is_binary(name, array)) for value in array.flat]
    else:
        dtype = type_name(array.dtype)
        if dtype in ("float", "double"):
            flat = decimal_texts(array.ravel(), dtype)
        elif dtype in _WHOLE_TYPES:
            flat = list(map(str, array.ravel().tolist()))
        elif dtype == "bool":
            flat = ["true" if value else "false" for value in array.flat]
        else:
            raise ServingError(f"Failed to write JSON value for tensor type: {dtype}")
    return np.array(flat, object).reshape(array.shape)[()]


def _string_text(value: bytes, binary: bool) -> str:
    if binary:
        return f'"{base64.b64encode(value).decode("ascii")}"'
    # Bytes that are no UTF-8 leave as they came, which makes the answer bad JSON, as
    # there: outputs of bytes must be named NAME_bytes.
    return _string(value.decode("utf-8", "surrogateescape"))


def _value_text(texts: Any, level: int, *, single_line: bool, binary: bool) -> str:
    """A tensor of texts as JSON.

    Args:
        texts: an array of texts, or one of its elements.
        level: how many brackets are open around it.
        single_line: writes lists on one line, else one element a line.
        binary: whether elements are written as {"b64": ...}.
    """
    inner = "\n" + (level + 1) * _INDENT
    outer = "\n" + level * _INDENT
    if isinstance(texts, str):
        return f'{{{inner}"b64": {texts}{outer}}}' if binary else texts
    if not len(texts):
        return "[]"
    children = (
        _value_text(text, level + 1, single_line=single_line, binary=binary)
        for text in texts
    )
    if single_line:
        return f"[{', '.join(children)}]"
    return f"[{inner}{f',{inner}'.join(children)}{outer}]"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
