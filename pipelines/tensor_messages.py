"""Arrays as TensorProto messages and back, for both ends of a gRPC call."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

# What a packed field of numbers is on the wire: its tag, its length, the bytes.
_PACKED_TAGS = {"float32": b"\x2a", "float64": b"\x32"}
# Small whole numbers share a field; halves stand as their bits in another.
_FIELDS = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
    **{name: f"{name}_val" for name in ("int64", "uint32", "uint64", "bool")},
    **dict.fromkeys(("float16", "bfloat16"), "half_val"),
    **{"float32": "float_val", "float64": "double_val", "string": "string_val"},
    **{"complex64": "scomplex_val", "complex128": "dcomplex_val"},
}
_WIRE_DTYPES = {
    "int_val": np.int32,
    "half_val": np.int32,
    "scomplex_val": np.float32,
    "dcomplex_val": np.float64,
}
# Bytes of the values that a message leaves out. TensorFlow Serving fills up any shape,
# and ends when memory does.
MOST_FILLED_UP = 2**28


def from_message(message: Any) -> np.ndarray:
    """Returns the array of a TensorProto; strings as an object array of bytes.

    It is read as TensorFlow does: numbers that are too large for a small dtype wrap,
    values beyond the shape are left out, missing ones are copies of the last one or
    zeros, and bytes of `tensor_content` go before other values.

    Args:
        message: the TensorProto.

    Raises:
        ValueError: its parts do not fit each other, or it leaves out more than
            `MOST_FILLED_UP` bytes.
    """
    try:
        return _array(message)
    except (TypeError, KeyError, MemoryError) as error:
        raise ValueError(f"no tensor: {error}") from error


def _array(message: Any) -> np.ndarray:
    dtype = tf.as_dtype(message.dtype)
    sides = [side.size for side in message.tensor_shape.dim]
    if min(sides, default=0) < 0:
        raise ValueError("a side of unknown size")
    size = math.prod(sides)
    if message.tensor_content and size:
        values = np.frombuffer(message.tensor_content, dtype.as_numpy_dtype)
        return values.copy().reshape(sides)
    values = _values(message, _FIELDS[dtype.name], dtype)
    missing = size - len(values)
    if missing > 0:
        last = values[-1:] if len(values) else _zero(dtype)
        bytes_each = last.itemsize + (len(last[0]) if dtype == tf.string else 0)
        if missing * bytes_each > MOST_FILLED_UP:
            raise ValueError("far more elements than values")
        values = np.concatenate([values, np.repeat(last, missing)])
    return values[:size].reshape(sides)


def _zero(dtype: tf.DType) -> np.ndarray:
    zero = np.zeros(1, dtype.as_numpy_dtype)
    return np.array([b""], object) if dtype == tf.string else zero


def _values(message: Any, field: str, dtype: tf.DType) -> np.ndarray:
    """The values of one field, in one dimension."""
    values = getattr(message, field)
    kind = np.dtype(dtype.as_numpy_dtype)
    if dtype == tf.string:
        return np.array(list(values), object)
    if dtype.name in _PACKED_TAGS:
        # Read from the bytes on the wire: as an object each number takes ten times as
        # long.
        alone = tensor_pb2.TensorProto()
        getattr(alone, field).MergeFrom(values)
        data = alone.SerializeToString()
        start = len(data) - kind.itemsize * len(values)
        return np.frombuffer(data, kind.newbyteorder("<"), len(values), start)
    array = np.fromiter(values, _WIRE_DTYPES.get(field, kind), len(values))
    if field == "half_val":
        return array.astype(np.uint16).view(kind)
    if dtype.is_complex:
        return array[: len(array) // 2 * 2].view(kind)
    return array.astype(kind)


def to_message(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Returns a TensorProto, its numbers in the field for their dtype.

    As TensorFlow Serving does without --enable_serialization_as_tensor_content.
    `tf.make_tensor_proto` writes the bytes that they are in memory, which is shorter.

    Args:
        array: strings as an object array of bytes.
    """
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    message = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for side in array.shape:
        message.tensor_shape.dim.add(size=side)
    flat = array.ravel()
    if dtype.name in _PACKED_TAGS:
        # The bytes lie in memory as they do on the wire: no number becomes an object.
        data = flat.astype(array.dtype.newbyteorder("<")).tobytes()
        message.MergeFromString(_PACKED_TAGS[dtype.name] + _varint(len(data)) + data)
    elif dtype.name in ("float16", "bfloat16"):
        message.half_val.extend(flat.view(np.uint16).tolist())
    else:
        getattr(message, _FIELDS[dtype.name]).extend(flat.tolist())
    return message


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
