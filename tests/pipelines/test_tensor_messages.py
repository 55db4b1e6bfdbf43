import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from pipelines import tensor_messages
from pipelines.tensor_messages import from_message, to_message

DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"


@pytest.mark.parametrize("dtype", [*DTYPES.split(), "bool", "bfloat16"])
def test_array_comes_back_from_the_field_of_its_dtype(dtype):
    dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    array = np.array([[0, 1, 3], [127, 1, 0]]).astype(dtype)
    message = to_message(array)
    assert message.tensor_content == b""
    # TensorFlow's own reader, on bytes as they travel.
    sent = tensor_pb2.TensorProto.FromString(message.SerializeToString())
    read = tf.make_ndarray(sent)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("write", [to_message, tf.make_tensor_proto])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64"])
def test_array_is_read_from_its_field_and_from_content(dtype, write):
    array = np.arange(300).astype(dtype).reshape(2, 150)
    message = write(array)
    assert bool(message.tensor_content) == (write is not to_message)
    np.testing.assert_array_equal(from_message(message), array)
    empty = np.zeros((0, 2), dtype)
    read = from_message(write(empty))
    assert (read.shape, read.dtype) == ((0, 2), np.dtype(dtype))


def test_floats_are_in_float_val():
    array = np.arange(300, dtype=np.float32)
    assert list(to_message(array).float_val) == list(range(300))


def test_strings_are_bytes():
    array = np.empty(2, object)
    array[:] = [b"\xff\x00", b""]
    message = to_message(array)
    assert list(message.string_val) == [b"\xff\x00", b""]
    assert from_message(message).tolist() == [b"\xff\x00", b""]


FLOATS = np.array([5, 6], np.float32).tobytes()
# (dtype, sides, fields) of messages that TensorFlow's Python reader refuses or reads
# otherwise than its servers.
UNUSUAL = [
    (tf.uint8, [2], {"int_val": [300, -1]}),
    (tf.int16, [1], {"int_val": [70_000]}),
    (tf.float16, [2], {"half_val": [0x3C00, 0x1_3C00]}),
    (tf.float32, [2], {"float_val": [1, 2, 3]}),
    (tf.float32, [4], {"float_val": [1, 2]}),
    (tf.float64, [2, 2], {"double_val": [0.1]}),
    (tf.float32, [2], {"float_val": [1, 2], "tensor_content": FLOATS}),
    (tf.float32, [0], {"float_val": [1], "tensor_content": b"abc"}),
    (tf.float32, [], {}),
    (tf.int64, [2], {"int64_val": [1, 2, 3]}),
    (tf.bool, [3], {"bool_val": [False, True]}),
    (tf.string, [2], {"string_val": [b"a", b"b", b"c"]}),
    (tf.string, [2], {}),
    (tf.complex64, [2], {"scomplex_val": [1, 2, 3]}),
]


@pytest.mark.parametrize("dtype, sides, fields", UNUSUAL)
def test_unusual_message_is_read_as_by_the_runtime(dtype, sides, fields):
    message = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, **fields)
    for side in sides:
        message.tensor_shape.dim.add(size=side)
    expected = tf.io.parse_tensor(message.SerializeToString(), dtype).numpy()
    read = from_message(message)
    np.testing.assert_array_equal(read, expected)
    assert (read.shape, read.dtype) == (tuple(sides), expected.dtype)


@pytest.mark.parametrize("length, is_read", [(999, True), (1001, False)])
def test_what_is_filled_up_is_counted_in_bytes(monkeypatch, length, is_read):
    pointer = np.dtype(object).itemsize
    monkeypatch.setattr(tensor_messages, "MOST_FILLED_UP", 9 * (1000 + pointer))
    message = tensor_pb2.TensorProto(dtype=7, string_val=[b"a" * length])
    message.tensor_shape.dim.add(size=10)
    if is_read:
        assert from_message(message).tolist() == [b"a" * length] * 10
    else:
        with pytest.raises(ValueError):
            from_message(message)


@pytest.mark.parametrize(
    "dtype, sides, content",
    [
        (1, [-1], b""),
        (1, [2], b"\0\0\0"),
        (1, [1], b"\0" * 8),
        (1, [10**6, 10**6], b""),
        (0, [1], b""),
        (99, [1], b""),
        (20, [1], b""),  # resource
    ],
)
def test_message_whose_parts_do_not_fit_is_refused(dtype, sides, content):
    message = tensor_pb2.TensorProto(dtype=dtype, tensor_content=content)
    for side in sides:
        message.tensor_shape.dim.add(size=side)
    with pytest.raises(ValueError):
        from_message(message)
