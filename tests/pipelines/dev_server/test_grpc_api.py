"""Table A3 of the contract, over a real port."""

import re
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from pipelines.dev_server import grpc_api
from pipelines.dev_server.models import ModelManager

CODE = grpc.StatusCode
X = np.array([[1, 2]], np.float32)


@pytest.fixture
def predictions(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def request(signature="", name="toy", version=None, label=None, outputs=(), **inputs):
    message = predict_pb2.PredictRequest(output_filter=outputs)
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    for key, value in inputs.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return message


def refusal(call, message, **settings):
    with pytest.raises(grpc.RpcError) as raised:
        call(message, timeout=30, **settings)
    return raised.value.code(), raised.value.details()


def test_answer_names_version_and_signature_and_fills_the_field_of_the_dtype(
    predictions,
):
    response = predictions.Predict(request(x=X))
    assert response.model_spec.name == "toy"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
    assert list(response.outputs["y"].float_val) == [2, 4]
    assert response.outputs["y"].tensor_content == b""


def test_outputs_without_dimensions_are_answered(predictions):
    total = predictions.Predict(request("no_batch", x=np.ones(3, np.float32)))
    text = predictions.Predict(request("join", x=[b"a", b"\xff"])).outputs["text"]
    assert list(total.outputs["total"].float_val) == [3]
    assert list(text.string_val) == [b"a\xff"]
    assert not text.tensor_shape.dim


def test_output_filter_chooses_the_outputs(predictions):
    sent = request("two", a=np.ones(2, np.float32), b=np.ones(2, np.int32))
    assert set(predictions.Predict(sent).outputs) == {"sum", "b"}
    sent.output_filter.append("sum")
    assert set(predictions.Predict(sent).outputs) == {"sum"}


CORRUPT = request(x=X)
CORRUPT.inputs["x"].tensor_shape.dim[0].size = -7
NO_SPEC = predict_pb2.PredictRequest()
# (request, code, details), one a row of the table.
REFUSED = [
    (NO_SPEC, CODE.INVALID_ARGUMENT, "Missing ModelSpec"),
    (
        request(name="", signature="a"),
        CODE.INVALID_ARGUMENT,
        "ModelSpec has no name specified.",
    ),
    (
        request(name="nope"),
        CODE.NOT_FOUND,
        "Servable not found for request: Latest(nope)",
    ),
    (
        request(version=9),
        CODE.NOT_FOUND,
        "Servable not found for request: Specific(toy, 9)",
    ),
    (
        request(label="stable"),
        CODE.INVALID_ARGUMENT,
        "Unrecognized servable version label: stable",
    ),
    (
        request("nope"),
        CODE.FAILED_PRECONDITION,
        'Serving signature key "nope" not found.',
    ),
    (
        request("__saved_model_init_op"),
        CODE.INTERNAL,
        "Expected prediction signature method_name to be one of "
        "{tensorflow/serving/predict, tensorflow/serving/classify, "
        "tensorflow/serving/regress}. Was: ",
    ),
    (
        request(),
        CODE.INVALID_ARGUMENT,
        "input size does not match signature: 0!=1 len({}) != len({x}). "
        "Sent extra: {}. Missing but required: {x}.",
    ),
    (
        request(x=X, more=X),
        CODE.INVALID_ARGUMENT,
        "input size does not match signature: 2!=1 len({more,x}) != len({x}). "
        "Sent extra: {more}. Missing but required: {}.",
    ),
    (
        request(x=np.ones((1, 2), np.uint8)),
        CODE.INVALID_ARGUMENT,
        "Expects arg[0] to be float but uint8 is provided",
    ),
    (CORRUPT, CODE.INVALID_ARGUMENT, "tensor parsing error: x"),
    (
        request(x=X, outputs=["nope"]),
        CODE.INVALID_ARGUMENT,
        "output tensor alias not found in signature: nope Outputs expected to be in "
        "the set {y}.",
    ),
    (
        request(x=X, outputs=["y", "y"]),
        CODE.INVALID_ARGUMENT,
        "duplicate output tensor alias: y",
    ),
]


@pytest.mark.parametrize("message, code, details", REFUSED)
def test_predict_is_refused_in_the_words_of_the_contract(
    predictions, message, code, details
):
    assert refusal(predictions.Predict, message) == (code, details)


def test_wrong_input_name_is_told_with_the_right_ones(predictions):
    code, details = refusal(predictions.Predict, request(nope=X))
    assert code == CODE.INVALID_ARGUMENT
    assert details.startswith(
        "Signature input alias: x(feed name: serving_default_x:0) not found in "
        "request and no default value provided. "
    )


def test_wrong_channels_are_told_by_the_graph(predictions):
    sent = request("convolve", image=np.ones((1, 2, 2, 3), np.float32))
    code, details = refusal(predictions.Predict, sent)
    assert code == CODE.INVALID_ARGUMENT
    assert details


def test_long_messages_are_cut(predictions):
    code, details = refusal(predictions.Predict, request("n" * 2000))
    assert code == CODE.FAILED_PRECONDITION
    assert details == f'Serving signature key "{"n" * 2000}'[:1024] + "...TRUNCATED"
    # Counted in bytes.
    code, details = refusal(predictions.Predict, request("ä" * 1000))
    assert details == f'Serving signature key "{"ä" * 500}"'[:523] + "...TRUNCATED"


def test_deadline_of_the_call_ends_it(predictions):
    with pytest.raises(grpc.RpcError) as raised:
        predictions.Predict(request("count", steps=np.int32(2**31 - 1)), timeout=0.5)
    assert raised.value.code() == CODE.DEADLINE_EXCEEDED


def test_other_predictions_are_unimplemented(development):
    with grpc.insecure_channel(development.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for call, message in (
            (stub.Classify, classification_pb2.ClassificationRequest()),
            (stub.Regress, regression_pb2.RegressionRequest()),
            (stub.MultiInference, inference_pb2.MultiInferenceRequest()),
        ):
            assert refusal(call, message)[0] == CODE.UNIMPLEMENTED


def metadata_request(*fields, name="toy"):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = name
    return message


def test_metadata_holds_the_signatures(predictions):
    response = predictions.GetModelMetadata(metadata_request("signature_def"))
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    found = signatures.signature_def["serving_default"].inputs["x"]
    assert found.name == "serving_default_x:0"
    assert response.model_spec.version.value == 1


@pytest.mark.parametrize(
    "message, code, details",
    [
        (
            get_model_metadata_pb2.GetModelMetadataRequest(),
            CODE.INVALID_ARGUMENT,
            "Missing ModelSpec",
        ),
        (
            metadata_request(),
            CODE.INVALID_ARGUMENT,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            metadata_request("x"),
            CODE.INVALID_ARGUMENT,
            "Metadata field x is not supported",
        ),
        (
            metadata_request("signature_def", name="nope"),
            CODE.NOT_FOUND,
            "Servable not found for request: Latest(nope)",
        ),
    ],
)
def test_metadata_is_refused_in_the_words_of_the_contract(
    predictions, message, code, details
):
    assert refusal(predictions.GetModelMetadata, message) == (code, details)


def status_request(name="toy", version=None, label=None):
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    return message


def test_status_lists_versions_and_looks_at_no_label(models):
    for message in (status_request(), status_request(label="any")):
        (status,) = models.GetModelStatus(message).model_version_status
        assert status.version == 1
        assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
        assert status.status.error_code == 0


@pytest.mark.parametrize(
    "message, code, details",
    [
        (
            get_model_status_pb2.GetModelStatusRequest(),
            CODE.INVALID_ARGUMENT,
            "Missing ModelSpec",
        ),
        (
            status_request(version=9),
            CODE.NOT_FOUND,
            "Could not find version 9 of model toy",
        ),
        (
            status_request("nope"),
            CODE.NOT_FOUND,
            "Could not find any versions of model nope",
        ),
        (
            status_request(""),
            CODE.NOT_FOUND,
            "Could not find any versions of model ",
        ),
    ],
)
def test_status_is_refused_in_the_words_of_the_contract(models, message, code, details):
    assert refusal(models.GetModelStatus, message) == (code, details)


def test_requests_beyond_the_threads_are_refused(toy_folder, serving, monkeypatch):
    started, released = threading.Event(), threading.Event()

    def slow(self, *arguments):
        started.set()
        released.wait(30)
        return {"y": X}

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", slow)
    with (
        serving(ModelManager(toy_folder), most_requests=1) as addresses,
        grpc.insecure_channel(addresses.grpc) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        first = stub.Predict.future(request(x=X), timeout=30)
        assert started.wait(30)
        assert refusal(stub.Predict, request(x=X)) == (
            CODE.RESOURCE_EXHAUSTED,
            "Server Threadpool Exhausted",
        )
        released.set()
        assert first.result().model_spec.name == "toy"


class ReturningContext:
    """A call whose `abort` returns; that of the installed grpcio raises."""

    def __init__(self):
        self.codes = []

    def abort(self, code, details):
        self.codes.append(code)


def test_nothing_is_run_or_given_back_after_an_abort_that_returns():
    slots = threading.BoundedSemaphore(1)
    # No manager: a method that is run would fail.
    service = grpc_api.PredictionService(None, slots)
    context = ReturningContext()
    with slots:
        assert service.Predict(request(x=X), context) is None
    assert context.codes == [CODE.RESOURCE_EXHAUSTED]
    # A slot that was given back twice would be one too many.
    assert service.Predict(NO_SPEC, context) is None
    assert context.codes[1:] == [CODE.INVALID_ARGUMENT]
    assert slots.acquire(blocking=False)


def test_fault_of_the_server_is_internal_with_its_words(
    toy_folder, serving, monkeypatch
):
    def broken(self, *arguments):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("pipelines.dev_server.saved_model.LoadedModel.run", broken)
    with (
        serving(ModelManager(toy_folder)) as addresses,
        grpc.insecure_channel(addresses.grpc) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        found = refusal(stub.Predict, request(x=X))
    assert found == (CODE.INTERNAL, "the disk is gone")


def test_another_set_of_models_takes_the_place_of_the_first(toy_folder, serving):
    with (
        serving(ModelManager(toy_folder)) as addresses,
        grpc.insecure_channel(addresses.grpc) as channel,
    ):
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        message = model_management_pb2.ReloadConfigRequest()
        entry = message.config.model_config_list.config.add(
            name="other", base_path=str(toy_folder), model_platform="tensorflow"
        )
        entry.version_labels["stable"] = 1
        models.HandleReloadConfigRequest(message)
        sent = request(name="other", label="stable", x=X)
        assert predictions.Predict(sent).model_spec.version.value == 1
        code, details = refusal(predictions.Predict, request(x=X))
        assert (code, re.search("Latest.*", details)[0]) == (
            CODE.NOT_FOUND,
            "Latest(toy)",
        )
        message.config.model_config_list.config[0].base_path = "relative"
        code, details = refusal(models.HandleReloadConfigRequest, message)
        assert code == CODE.INVALID_ARGUMENT
        assert "absolute path" in details
