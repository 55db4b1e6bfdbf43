"""What is wrong with a REST request, and what the contract answers to that.

Of several faults the contract does not say which is told: the code of any of them is
right.
"""

import base64
import json
import math
import re
import zlib
from typing import Any

from served_signatures import BOMB, GOOD, GRAPH, VERSION, Served, Signature, fit

CODES = {
    GOOD: {200},
    # 409 is oneDNN's word for sizes that it cannot compute.
    GRAPH: {200, 400, 409},
    BOMB: {400},
    "method or path": {400},
    "version beyond int64": {400},
    # The development server has none of them.
    "classify or regress": {400, 501},
    "unknown model": {404},
    "unknown version": {404},
    "unknown label": {400},
    "no JSON": {400},
    # TensorFlow Serving's reader and Python's may differ.
    "JSON or base64 of another reader": {200, 400},
    "no object": {400},
    "signature": {400},
    "neither or both of instances and inputs": {400},
    "values": {400},
    "dtype that JSON has not": {400, 501},
    "shape": {400},
}
_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<action>:predict|:classify|:regress|/metadata)?",
    re.IGNORECASE,
)
_NO_SPACES = str.maketrans("", "", " \t\r\n")
_MOST_UNPACKED = 100 * 2**20
_MOST_DIMENSIONS = 32
_INT32 = range(-(2**31), 2**31)
# The small types take any int32 and wrap.
_WHOLE = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8"), _INT32),
    **{"int64": range(-(2**63), 2**63)},
    **{"uint32": range(2**32), "uint64": range(2**64)},
}


def faults_of(
    served: Served, method: str, path: str, body: bytes, headers: dict[str, str]
) -> set[str]:
    """Returns the faults of a request, keys of CODES; at least one."""
    match = _PATH.fullmatch(path)
    posted = match and (match["action"] or "").startswith(":")
    if match is None or method != ("POST" if posted else "GET"):
        return {"method or path"}
    if int(match["version"] or 1) >= 2**63:
        return {"version beyond int64"}
    if posted and match["action"].lower() != ":predict":
        return {"classify or regress"}
    faults = set()
    if match["name"] != served.name:
        faults.add("unknown model")
    elif int(match["version"] or VERSION) != VERSION:
        faults.add("unknown version")
    elif match["label"] and match["action"]:
        # The status of a label is that of all versions.
        faults.add("unknown label")
    if posted:
        packed = "Content-Encoding" in headers
        found = _body_faults(served, _unpacked(body) if packed else body)
        # What is for the graph does not come to it.
        faults |= found - {GOOD, GRAPH, BOMB} if faults else found
    return faults or {GOOD}


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(body, _MOST_UNPACKED)
    except zlib.error:
        return b""
    return content if unpacker.eof else b""


class _OtherReaderError(Exception):
    """Whether TensorFlow Serving reads it is not in the contract."""


def _body_faults(served: Served, body: bytes) -> set[str]:
    try:
        document = _document(body)
        if not isinstance(document, dict):
            return {"no object"}
        faults = _document_faults(served, document)
    except _OtherReaderError:
        return {"JSON or base64 of another reader"}
    except (ValueError, RecursionError):
        return {"no JSON"}
    return faults or {served.kind(document)}


def _document(body: bytes) -> Any:
    """The first value: what is behind it is not looked at, nor a byte order mark."""
    # Bytes that are no UTF-8 are taken in strings.
    text = body.decode("latin-1").removeprefix("\xef\xbb\xbf")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, end = _DECODER.raw_decode(text, start)
    except ValueError:
        if re.search(r"\bInf\b", text):
            raise _OtherReaderError from None
        raise
    if re.search(r"\\u[dD][89a-fA-F]", text[start:end]):
        raise ValueError("half of a character")
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("too big to be stored")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_first_wins, parse_float=_finite, parse_int=_whole
)


def _document_faults(served: Served, document: dict[str, Any]) -> set[str]:
    name = document.get("signature_name", "")
    signature = isinstance(name, str) and served.signatures.get(
        name or "serving_default"
    )
    if not signature or not signature.inputs:
        return {"signature"}
    if ("instances" in document) == ("inputs" in document):
        return {"neither or both of instances and inputs"}
    row = "instances" in document
    sent = document["instances" if row else "inputs"]
    if row and not (isinstance(sent, list) and sent):
        return {"values"}
    if any(dtype == "uint16" for dtype, _ in signature.inputs.values()):
        return {"dtype that JSON has not"}
    try:
        shapes = _shapes(sent if row else [sent], signature, row=row)
    except TypeError:
        return {"values"}
    if served.checks_shapes and not fit(shapes, signature):
        return {"shape"}
    return set()


def _shapes(
    instances: list[Any], signature: Signature, *, row: bool
) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each input; TypeError if its values have none."""
    names = set(signature.inputs)
    are_named = {isinstance(one, dict) and not _is_base64(one) for one in instances}
    if len(are_named) > 1 or (are_named == {False} and len(names) > 1):
        raise TypeError("plain values where names are needed")
    if are_named == {False}:
        (name,) = names
        instances = [{name: one} for one in instances]
    shapes: dict[str, tuple[int, ...]] = {}
    for one in instances:
        # Columnar ones may have more.
        if set(one) != names if row else not names <= set(one):
            raise TypeError("other names")
        for name, (dtype, _) in signature.inputs.items():
            shape = _shape(one[name], dtype)
            if shapes.setdefault(name, shape) != shape:
                raise TypeError("instances of different shape")
    number = (len(instances),) if row else ()
    return {name: number + shape for name, shape in shapes.items()}


def _shape(value: Any, dtype: str, level: int = 0) -> tuple[int, ...]:
    if not isinstance(value, list):
        _check_element(value, dtype)
        return ()
    if level == _MOST_DIMENSIONS:
        raise TypeError("too many dimensions")
    shapes = {_shape(one, dtype, level + 1) for one in value}
    if len(shapes) > 1:
        raise TypeError("ragged")
    return (len(value), *(shapes.pop() if shapes else ()))


def _check_element(value: Any, dtype: str) -> None:
    kind = type(value)
    if dtype == "string":
        fits = _is_base64(value) if kind is dict else kind is str
    elif dtype in _WHOLE:
        fits = kind is int and value in _WHOLE[dtype]
    elif dtype == "bool":
        fits = kind is bool
    else:
        fits = kind in (int, float)
    if not fits:
        raise TypeError(f"no {dtype}")
    if dtype == "string" and kind is dict:
        _check_base64(value["b64"])


def _is_base64(value: Any) -> bool:
    named = isinstance(value, dict) and list(value) == ["b64"]
    return named and isinstance(value["b64"], str)


def _check_base64(text: str) -> None:
    digits = text.rstrip("=")
    if not re.fullmatch("[A-Za-z0-9+/]*", digits.translate(_NO_SPACES)):
        raise TypeError("another alphabet")
    padded = digits + "=" * (-len(digits) % 4)
    try:
        base64.b64decode(padded, validate=True)
    except ValueError:
        raise _OtherReaderError from None
    # Missing padding is taken.
    if text not in (digits, padded):
        raise _OtherReaderError
