import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from pipelines.export_layout import WARM_UP
from pipelines.exporting.example_requests import ExampleRequest
from pipelines.exporting.warm_up import write_warm_up
from pipelines.tensor_messages import from_message


def test_requests_are_records_that_tensorflow_serving_reads(tmp_path):
    files = np.empty(1, object)
    files[:] = [b"\x89PNG"]
    numbers = np.arange(6, dtype=np.uint8).reshape(1, 3, 2, 1)
    requests = [
        ExampleRequest("pixels", "one", {"pixels": numbers}),
        ExampleRequest("image_bytes", "one", {"image_bytes": files}),
    ]
    write_warm_up(tmp_path, requests)
    records = list(tf.data.TFRecordDataset(str(tmp_path / WARM_UP)).as_numpy_iterator())
    logs = [prediction_log_pb2.PredictionLog.FromString(one) for one in records]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log"] * 2
    first, second = (log.predict_log.request for log in logs)
    assert first.model_spec.signature_name == "pixels"
    found = tf.make_ndarray(first.inputs["pixels"])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, numbers)
    assert tf.make_ndarray(second.inputs["image_bytes"]).tolist() == [b"\x89PNG"]
    assert WARM_UP.as_posix() == "assets.extra/tf_serving_warmup_requests"


def test_a_flat_image_takes_some_bytes(tmp_path):
    flat = {
        "image": np.full((1, 900, 800, 3), 7, np.float32),
        "pixels": np.zeros((1, 900, 800, 3), np.uint8),
        "deep": np.full((1, 900, 800, 1), 65535, np.uint16),
    }
    write_warm_up(tmp_path, [ExampleRequest("region", "flat", flat, is_golden=False)])
    assert (tmp_path / WARM_UP).stat().st_size < 300
    [record] = tf.data.TFRecordDataset(str(tmp_path / WARM_UP)).as_numpy_iterator()
    request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
    for name, array in flat.items():
        for found in (
            tf.make_ndarray(request.inputs[name]),
            from_message(request.inputs[name]),
        ):
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)
