import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from pipelines.dev_server.messages import run_request
from pipelines.dev_server.saved_model import LoadedModel


@pytest.fixture(scope="module")
def model(toy_folder):
    return LoadedModel(toy_folder / "1")


def request(signature="", **inputs):
    message = predict_pb2.PredictRequest()
    message.model_spec.signature_name = signature
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return message


def test_signature_is_run_on_the_inputs(model):
    response = run_request(model, request(x=np.ones((1, 2), np.float32)))
    assert response.model_spec.signature_name == "serving_default"
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), [[2, 2]])
