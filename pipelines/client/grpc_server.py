"""A model over TensorFlow Serving's gRPC API."""

import importlib.util
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines import tensorflow_start
from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.server import (
    LOOPBACK,
    Fault,
    VersionState,
    is_of_request,
    lacks_label,
    way_out,
)
from pipelines.client.token import authorization

# The default, 4 MiB, is less than the probabilities of 1024x1024 pixels.
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
# Some of grpc.StatusCode, by name: the package is optional.
_KINDS = {
    "UNAVAILABLE": Kind.UNREACHABLE,
    "RESOURCE_EXHAUSTED": Kind.BUSY,
    "DEADLINE_EXCEEDED": Kind.LATE,
    "CANCELLED": Kind.BROKEN,
    # It has lost its model, or has failed inside.
    "NOT_FOUND": Kind.UNABLE,
    "INTERNAL": Kind.UNABLE,
    "UNKNOWN": Kind.UNABLE,
}
_FAULTS = {
    "NOT_FOUND": Fault.MISSING,
    "INVALID_ARGUMENT": Fault.REQUEST,
    "UNAUTHENTICATED": Fault.LOGIN,
    "PERMISSION_DENIED": Fault.LOGIN,
}


class GrpcServer:
    """A model over gRPC.

    Args:
        address: of the model.
        timeout: seconds that each call has.

    Raises:
        ValueError: the packages for gRPC are not installed.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        for package in ("grpc", "tensorflow_serving"):
            if importlib.util.find_spec(package) is None:
                raise ValueError(
                    f"{address.text} needs the package {package}; install it with "
                    'pip install ".[serve]" in a checkout of keras-unet, or take the '
                    "address of the REST API."
                )
        # Its messages are among TensorFlow's.
        tensorflow_start.import_tensorflow_quietly("tensorflow")
        import grpc
        from tensorflow_serving.apis import (
            model_service_pb2_grpc,
            prediction_service_pb2_grpc,
        )

        self.address = address
        self._timeout = timeout
        host = urllib.parse.urlsplit(f"//{address.base}").hostname
        options = list(CHANNEL_OPTIONS)
        if host in LOOPBACK:
            # This machine is reached without a proxy of the environment.
            options.append(("grpc.enable_http_proxy", 0))
        token = authorization(address)
        self._metadata = (("authorization", token),) if token else ()
        if address.is_encrypted:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(address.base, credentials, options)
        else:
            self._channel = grpc.insecure_channel(address.base, options)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def states(self) -> list[VersionState]:
        """Returns the states of the model's versions."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        self._fill(request.model_spec, "")
        answer = self._call(self._models.GetModelStatus, request)
        states = get_model_status_pb2.ModelVersionStatus.State
        return [
            VersionState(
                status.version, states.Name(status.state), status.status.error_message
            )
            for status in answer.model_version_status
        ]

    def answering_version(self) -> int:
        """Returns the version that answers at the address."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest()
        self._fill(request.model_spec, "")
        request.metadata_field.append("signature_def")
        answer = self._call(self._predictions.GetModelMetadata, request)
        return int(answer.model_spec.version.value)

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature."""
        from tensorflow_serving.apis import predict_pb2

        from pipelines.dev_server.errors import ServingError
        from pipelines.dev_server.tensor_messages import from_message, to_message

        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec, signature)
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_message(array, as_content=True))
        answer = self._call(self._predictions.Predict, request)
        try:
            return {
                name: from_message(name, message)
                for name, message in answer.outputs.items()
            }
        except ServingError as error:
            raise ServerFailure(
                f"{self.address.text}: its answer is no tensor ({error}). Correct the "
                "address.",
                Kind.REFUSED,
            ) from error

    def pinned(self, version: int) -> "GrpcServer":
        """Returns the client of one version."""
        return GrpcServer(self.address.of_version(version), self._timeout)

    def close(self) -> None:
        """Ends the connections."""
        self._channel.close()

    def _fill(self, spec: Any, signature: str) -> None:
        spec.name = self.address.name
        spec.signature_name = signature
        if self.address.version is not None:
            spec.version.value = self.address.version
        elif self.address.label is not None:
            spec.version_label = self.address.label

    def _call(self, method: Any, request: Any) -> Any:
        import grpc

        try:
            return method(request, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._failure(error.code().name, error.details() or "") from error

    def _failure(self, code: str, details: str) -> ServerFailure:
        text, words = self.address.text, " ".join(details.split())
        kind = _KINDS.get(code, Kind.REFUSED)
        if lacks_label(words):
            kind = Kind.UNABLE
        fault = _FAULTS.get(code)
        if "larger than max" in words:
            # A limit of a proxy or of the server: it will not pass.
            kind, fault = Kind.REFUSED, Fault.SIZE
        if kind is Kind.LATE:
            message = (
                f"{text} did not answer within {self._timeout:g} seconds. Raise "
                "--timeout, or send smaller images."
            )
        elif kind is Kind.UNREACHABLE:
            message = (
                f"{text}: the server cannot be reached or broke off ({words}). Start "
                "it with `keras-unet serve` and wait until it is ready, or correct the "
                "address."
            )
        else:
            message = f"{text} answered {code}: {words} {way_out(words, fault)}"
        return ServerFailure(
            message, kind, code, of_request=is_of_request(words, fault)
        )
