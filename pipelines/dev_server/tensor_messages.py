"""Arrays as TensorProto messages and back."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from pipelines.dev_server.errors import ServingError

# What a packed field of numbers is on the wire: its tag, its length, the bytes.
_PACKED_TAGS = {"float32": b"\x2a", "float64": b"\x32"}
MOST_FILLED_UP = 2**26


def from_message(name: str, message: Any) -> np.ndarray:
    """Returns the array of a TensorProto; strings as an object array of bytes.

    Args:
        name: of the input, for the error.
        message: the TensorProto.

    Raises:
        ServingError: its parts do not fit each other.
    """
    try:
        if any(side.size < 0 for side in message.tensor_shape.dim):
            raise ValueError("a side of unknown size")
        size = math.prod(side.size for side in message.tensor_shape.dim)
        # Missing values are copies of the last one. TensorFlow Serving fills up any
        # shape so, and ends when memory does.
        if size > max(MOST_FILLED_UP, message.ByteSize()):
            raise ValueError("far more elements than bytes")
        array = _packed_values(message, size)
        return tf.make_ndarray(message) if array is None else array
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise ServingError(f"tensor parsing error: {name}") from error


def _packed_values(message: Any, size: int) -> np.ndarray | None:
    """The floats of a message that has one for each element; None for any other."""
    if message.dtype != types_pb2.DT_FLOAT or len(message.float_val) != size:
        return None
    # Read from the bytes on the wire: as an object each number takes ten times as long.
    alone = tensor_pb2.TensorProto()
    alone.float_val.MergeFrom(message.float_val)
    data = alone.SerializeToString()
    values = np.frombuffer(data, "<f4", size, len(data) - 4 * size)
    return values.reshape([side.size for side in message.tensor_shape.dim])


def to_message(
    array: np.ndarray, *, as_content: bool = False
) -> tensor_pb2.TensorProto:
    """Returns a TensorProto.

    Args:
        array: strings as an object array of bytes.
        as_content: numbers are written as the bytes that they are in memory, which is
            the shortest; else in the field for their dtype, as TensorFlow Serving
            does without --enable_serialization_as_tensor_content.
    """
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    message = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for side in array.shape:
        message.tensor_shape.dim.add(size=side)
    flat = array.ravel()
    if as_content and dtype != tf.string:
        message.tensor_content = flat.astype(array.dtype.newbyteorder("<")).tobytes()
    elif dtype.name in _PACKED_TAGS:
        # The bytes lie in memory as they do on the wire: no number becomes an object.
        data = flat.astype(array.dtype.newbyteorder("<")).tobytes()
        message.MergeFromString(_PACKED_TAGS[dtype.name] + _varint(len(data)) + data)
    elif dtype == tf.string:
        message.string_val.extend(flat.tolist())
    elif dtype.name in ("float16", "bfloat16"):
        message.half_val.extend(flat.view(np.uint16).tolist())
    elif dtype.name in ("int64", "uint64", "uint32", "bool"):
        getattr(message, f"{dtype.name}_val").extend(flat.tolist())
    else:
        message.int_val.extend(flat.tolist())
    return message


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
