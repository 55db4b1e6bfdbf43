"""Predict requests and answers as TensorFlow Serving's gRPC messages."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from tensorflow_serving.apis import predict_pb2

from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.saved_model import DEFAULT_SIGNATURE, LoadedModel, Signature
from pipelines.tensor_messages import from_message, to_message


def run_request(
    model: LoadedModel, request: Any, timeout: float | None = None
) -> predict_pb2.PredictResponse:
    """Answers a `PredictRequest`; its model_spec tells only the signature here.

    Args:
        model: to run.
        request: the message.
        timeout: seconds after which it is given up; None for never.

    Returns:
        The outputs, and the signature's name.

    Raises:
        ServingError: the request does not fit the signature, or the graph failed.
    """
    signature = _signature(model, request.model_spec.signature_name)
    _check_input_names(signature, request.inputs)
    arrays = {}
    for name, info in signature.inputs.items():
        if name not in request.inputs:
            raise ServingError(
                f"Signature input alias: {name}(feed name: {info.tensor}) not found in "
                "request and no default value provided. Inputs expected to be in the "
                f"set {{{','.join(signature.inputs)}}}."
            )
        arrays[name] = _array(name, request.inputs[name])
    wanted = _wanted_outputs(signature, list(request.output_filter))
    outputs = model.run(signature, arrays, wanted, timeout)
    response = predict_pb2.PredictResponse()
    response.model_spec.signature_name = signature.name
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(to_message(array))
    return response


def _array(name: str, message: Any) -> np.ndarray:
    try:
        return from_message(message)
    except ValueError as error:
        raise ServingError(f"tensor parsing error: {name}") from error


def _signature(model: LoadedModel, name: str) -> Signature:
    name = name or DEFAULT_SIGNATURE
    if name not in model.signature_defs:
        raise ServingError(
            f'Serving signature key "{name}" not found.', Code.FAILED_PRECONDITION
        )
    method = model.signature_defs[name].method_name
    if not method:
        raise ServingError(
            "Expected prediction signature method_name to be one of "
            "{tensorflow/serving/predict, tensorflow/serving/classify, "
            f"tensorflow/serving/regress}}. Was: {method}",
            Code.INTERNAL,
        )
    return model.signature(name)


def _check_input_names(signature: Signature, sent: Iterable[str]) -> None:
    """Raises ServingError unless as many inputs were sent as the signature has."""
    names, wanted = sorted(sent), sorted(signature.inputs)
    if len(names) != len(wanted):
        extra = ",".join(name for name in names if name not in wanted)
        missing = ",".join(name for name in wanted if name not in names)
        raise ServingError(
            f"input size does not match signature: {len(names)}!={len(wanted)} "
            f"len({{{','.join(names)}}}) != len({{{','.join(wanted)}}}). "
            f"Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
        )


def _wanted_outputs(signature: Signature, names: list[str]) -> list[str]:
    """The outputs that a request asks for; without any, all."""
    for index, name in enumerate(names):
        if name not in signature.outputs:
            raise ServingError(
                f"output tensor alias not found in signature: {name} Outputs expected "
                f"to be in the set {{{','.join(sorted(signature.outputs))}}}."
            )
        if name in names[:index]:
            raise ServingError(f"duplicate output tensor alias: {name}")
    return names or sorted(signature.outputs)
