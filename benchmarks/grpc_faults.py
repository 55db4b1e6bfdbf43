"""What is wrong with a gRPC request, and what the contract answers to that.

Of several faults the contract does not say which is told: the code of any of them is
right.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from served_signatures import BOMB, GOOD, GRAPH, VERSION, Served, Signature, fit
from tensorflow_serving.apis import predict_pb2

# A few bytes may ask for a lot of work: what is missing of a tensor is filled up with
# copies. The deadline of the call ends it.
FILLED_UP = "tensor with too few values"
CODES = {
    GOOD: {"OK"},
    # Operations have codes of their own: OUT_OF_RANGE is a reduction's of a scalar.
    GRAPH: {"OK", "INVALID_ARGUMENT", "OUT_OF_RANGE"},
    BOMB: {"INVALID_ARGUMENT"},
    FILLED_UP: {"OK", "INVALID_ARGUMENT", "OUT_OF_RANGE", "DEADLINE_EXCEEDED"},
    # What is no message at all never comes to the service.
    "no message": {"INTERNAL"},
    "no name of a model": {"INVALID_ARGUMENT"},
    "unknown model": {"NOT_FOUND"},
    "unknown version": {"NOT_FOUND"},
    "unknown label": {"INVALID_ARGUMENT"},
    "unknown signature": {"FAILED_PRECONDITION"},
    "signature without a method": {"INTERNAL"},
    "names of inputs": {"INVALID_ARGUMENT"},
    "dtype": {"INVALID_ARGUMENT"},
    "corrupt tensor": {"INVALID_ARGUMENT"},
    "shape": {"INVALID_ARGUMENT"},
    "names of outputs": {"INVALID_ARGUMENT"},
}
_FIELDS = {"string": "string_val", "float32": "float_val"}


def faults_of(served: Served, data: bytes) -> set[str]:
    """Returns the faults of a `PredictRequest`, keys of CODES; at least one."""
    try:
        sent = predict_pb2.PredictRequest.FromString(data)
    except DecodeError:
        return {"no message"}
    faults = set(_model_faults(sent.model_spec, served.name))
    if faults:
        return faults
    name = sent.model_spec.signature_name or "serving_default"
    if name not in served.signatures:
        return {"unknown signature"}
    signature = served.signatures[name]
    if not signature.has_method:
        return {"signature without a method"}
    faults = set(_input_faults(sent, signature, served.checks_shapes))
    outputs = list(sent.output_filter)
    if len(set(outputs)) < len(outputs) or not set(outputs) <= signature.outputs:
        faults.add("names of outputs")
    if faults:
        return faults
    if any(_lacks_values(tensor) for tensor in sent.inputs.values()):
        return {FILLED_UP}
    return {served.kind(sent)}


def _model_faults(spec: Any, name: str) -> Iterator[str]:
    if not spec.name:
        yield "no name of a model"
    elif spec.name != name:
        yield "unknown model"
    choice = spec.WhichOneof("version_choice")
    if choice == "version_label":
        yield "unknown label"
    elif choice == "version" and spec.version.value != VERSION:
        yield "unknown version"


def _input_faults(
    sent: Any, signature: Signature, checks_shapes: bool
) -> Iterator[str]:
    if set(sent.inputs) != set(signature.inputs):
        yield "names of inputs"
        return
    for name, (dtype, _) in signature.inputs.items():
        tensor = sent.inputs[name]
        if tensor.dtype != tf.as_dtype(dtype).as_datatype_enum:
            yield "dtype"
        elif _is_corrupt(tensor):
            yield "corrupt tensor"
    if checks_shapes:
        shapes = {name: _sides(tensor) for name, tensor in sent.inputs.items()}
        if not fit(shapes, signature):
            yield "shape"


def _sides(tensor: Any) -> tuple[int, ...]:
    return tuple(side.size for side in tensor.tensor_shape.dim)


def _is_corrupt(tensor: Any) -> bool:
    sides = _sides(tensor)
    size = math.prod(sides)
    if min(sides, default=0) < 0 or size >= 2**63:
        return True
    dtype = tf.as_dtype(tensor.dtype)
    if not tensor.tensor_content or not size or dtype == tf.string:
        return False
    return len(tensor.tensor_content) != size * np.dtype(dtype.as_numpy_dtype).itemsize


def _lacks_values(tensor: Any) -> bool:
    if tensor.tensor_content:
        return False
    field = _FIELDS.get(tf.as_dtype(tensor.dtype).name, "int_val")
    return len(getattr(tensor, field)) < math.prod(_sides(tensor))
