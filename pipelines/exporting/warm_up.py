"""Warm-up requests: what a server runs of a version before it offers it.

The first request of each kind is slow, and a version that fails is not offered: the
former one goes on serving.
"""

import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import prediction_log_pb2

from pipelines.export_layout import WARM_UP
from pipelines.exporting.example_requests import ExampleRequest
from pipelines.exporting.write_failures import written_to


def write_warm_up(version: pathlib.Path, requests: Iterable[ExampleRequest]) -> None:
    """Writes requests into a version, in TensorFlow Serving's form.

    Args:
        version: its folder.
        requests: at most 1000, TensorFlow Serving's limit.

    Raises:
        ValueError: the file cannot be written.
    """
    file = version / WARM_UP
    with written_to(version.parent):
        file.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(file)) as writer:
            for request in requests:
                writer.write(_log(request).SerializeToString())


def _log(request: ExampleRequest) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    message = log.predict_log.request
    message.model_spec.signature_name = request.signature
    for name, array in request.inputs.items():
        message.inputs[name].CopyFrom(_tensor(array))
    return log


def _tensor(array: np.ndarray) -> tensor_pb2.TensorProto:
    first = array.flat[0]
    if array.dtype != object and (array == first).all():
        # One value and a shape: whoever reads it fills up with copies, and a flat image
        # of megabytes takes some bytes.
        return tf.make_tensor_proto(first, array.dtype, array.shape)
    return tf.make_tensor_proto(array)
