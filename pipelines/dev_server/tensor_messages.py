"""Arrays as TensorProto messages and back."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

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
        return tf.make_ndarray(message)
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise ServingError(f"tensor parsing error: {name}") from error


def to_message(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Returns a TensorProto with the values in its field for the dtype.

    As TensorFlow Serving writes it without
    --enable_serialization_as_tensor_content.

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
