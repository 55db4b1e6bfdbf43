"""A model over TensorFlow Serving's gRPC API."""

import copy
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines import tensorflow_start
from pipelines.client.addresses import Address
from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.refusals import (
    FAULTS,
    KINDS,
    Fault,
    distrust,
    lost,
    refusal,
    silence,
)
from pipelines.client.server import ABOUT, CONTROL_SECONDS, LOOPBACK, VersionState
from pipelines.client.token import authorization

CHANNEL_OPTIONS = [
    # The default, 4 MiB, is less than the probabilities of 1024x1024 pixels.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A machine that is gone is noticed. Servers end connections that ask more often
    # than every 5 minutes.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Left alone it grows to 2 minutes, of which a server that is back is not used.
    ("grpc.max_reconnect_backoff_ms", 5_000),
]
# Some of grpc.StatusCode, by name: the package is loaded only where it is used.
_KINDS = {
    "UNAVAILABLE": Kind.UNREACHABLE,
    "RESOURCE_EXHAUSTED": Kind.BUSY,
    "DEADLINE_EXCEEDED": Kind.LATE,
    "CANCELLED": Kind.BROKEN,
    "NOT_FOUND": Kind.MISSING,
    # It has failed inside.
    "INTERNAL": Kind.UNABLE,
    "UNKNOWN": Kind.UNABLE,
}
_FAULTS = {
    "NOT_FOUND": Fault.MISSING,
    "INVALID_ARGUMENT": Fault.REQUEST,
    "UNAUTHENTICATED": Fault.LOGIN,
    "PERMISSION_DENIED": Fault.LOGIN,
}
# What gRPC says of a connection that was there; of one that it tried to make, too.
_BROKE_OFF = ("socket closed", "connection reset", "broken pipe", "stream removed")
_NO_TLS = ("certificate_verify_failed", "wrong_version_number")
# Of a port for REST, or for TLS.
_NO_GRPC = ("no_application_protocol", "http1.x server")


class GrpcServer:
    """A model over gRPC.

    Args:
        address: of the model.
        timeout: seconds that each call has.
    """

    def __init__(self, address: Address, timeout: float) -> None:
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
        answer = self._control(self._models.GetModelStatus, request)
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
        answer = self._control(self._predictions.GetModelMetadata, request)
        return int(answer.model_spec.version.value)

    def predict(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        from pipelines.tensor_messages import from_message

        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec, signature)
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        answer = self._call(
            self._predictions.Predict,
            request,
            seconds=seconds,
            is_prediction=signature != ABOUT,
        )
        try:
            return {
                name: from_message(message) for name, message in answer.outputs.items()
            }
        except ValueError as error:
            raise ServerFailure(
                f"{self.address.text}: its answer is no tensor ({error}). Correct the "
                "address.",
                Kind.REFUSED,
            ) from error

    def pinned(self, version: int | None) -> "GrpcServer":
        """Returns the client of one version, or of none, over the same connections."""
        server = copy.copy(self)
        server.address = self.address.of_version(version)
        return server

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

    def _control(self, method: Any, request: Any) -> Any:
        return self._call(method, request, seconds=CONTROL_SECONDS, is_prediction=False)

    def _call(
        self, method: Any, request: Any, *, seconds: float | None, is_prediction: bool
    ) -> Any:
        import grpc

        timeout = min(self._timeout, seconds or self._timeout)
        try:
            return method(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            code, words = error.code().name, error.details() or ""
            raise self._failure(code, words, timeout, is_prediction) from error

    def _failure(
        self, code: str, words: str, timeout: float, is_prediction: bool
    ) -> ServerFailure:
        text, lower = self.address.text, words.lower()
        kind, fault = _KINDS.get(code, Kind.REFUSED), _FAULTS.get(code)
        # Of a front that is no gRPC server.
        http_status = re.search(r"header with status: (\d{3})", lower)
        if http_status:
            number = int(http_status[1])
            kind, fault = KINDS.get(number, Kind.REFUSED), FAULTS.get(number)
        elif any(sign in lower for sign in _NO_TLS):
            return distrust(text, words, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
        elif any(sign in lower for sign in _NO_GRPC):
            return ServerFailure(
                f"{text}: no gRPC server answers there as it was asked ({words}). "
                "Correct the port; where there is TLS take grpcs://, else grpc://.",
                Kind.UNREACHABLE,
                code,
            )
        elif "failed to connect" in lower:
            return lost(text, words, Kind.UNREACHABLE, code)
        elif any(sign in lower for sign in _BROKE_OFF):
            return lost(text, words, Kind.BROKEN, code)
        elif "larger than max" in lower:
            # A limit of a proxy or of the server: it will not pass.
            kind, fault = Kind.REFUSED, Fault.SIZE
        elif kind is Kind.LATE:
            return silence(text, timeout, code, is_prediction=is_prediction)
        elif kind is Kind.UNREACHABLE:
            return lost(text, words, kind, code)
        return refusal(text, code, words, kind, fault, is_prediction=is_prediction)
