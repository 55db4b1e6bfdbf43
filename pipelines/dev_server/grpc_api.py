"""TensorFlow Serving's gRPC API over a model manager.

PredictionService: Predict, GetModelMetadata. ModelService: GetModelStatus,
HandleReloadConfigRequest. Classify, Regress and MultiInference are UNIMPLEMENTED.
"""

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipelines.dev_server import health, model_config
from pipelines.dev_server.answers import (
    METADATA_FIELD,
    metadata_answer,
    status_answer,
)
from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.grpc_listener import GrpcListener
from pipelines.dev_server.messages import run_request
from pipelines.dev_server.models import ModelManager
from pipelines.dev_server.saved_model import LoadedModel

_LOGGER = logging.getLogger(__name__)
# As `keras-unet serve` sets it for TensorFlow Serving (--grpc_max_threads).
MOST_REQUESTS = 64
# Requests beyond those wait for no thread: they are told that there is none.
_SPARE_THREADS = 8
# In bytes, of which a proxy takes no more than some thousand either.
_LONGEST_MESSAGE = 1024
_STATUS = {code.value[0]: code for code in grpc.StatusCode}
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A port that another server has is an error, not shared with it.
    ("grpc.so_reuseport", 0),
]


def make_server(
    manager: ModelManager,
    *,
    with_health: bool = False,
    most_requests: int = MOST_REQUESTS,
) -> GrpcListener:
    """Returns a server that has no port yet and is not started.

    Args:
        manager: the models to answer from.
        with_health: adds grpc.health.v1, which does not follow the models' state.
        most_requests: that are answered at a time; more are refused.
    """
    slots = threading.BoundedSemaphore(most_requests)

    def add_services(server: Any) -> None:
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(manager, slots), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(manager, slots), server
        )
        if with_health:
            health.add_to_server(server)

    return GrpcListener(add_services, most_requests + _SPARE_THREADS, OPTIONS)


def _answering(method: Callable) -> Callable:
    """Turns the errors of a method into the status of its call."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: Any) -> Any:
        if not self.slots.acquire(blocking=False):
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted"
            )
            # Whether `abort` raises is a matter of the version of grpcio.
            return None
        try:
            return method(self, request, context)
        except ServingError as error:
            code, message = error.code, error.message
        except Exception as error:  # a fault of this server, told as one
            _LOGGER.exception("Could not answer %s", method.__name__)
            code, message = Code.INTERNAL, str(error)
        finally:
            self.slots.release()
        encoded = message.encode(errors="replace")
        if len(encoded) > _LONGEST_MESSAGE:
            cut = encoded[:_LONGEST_MESSAGE].decode(errors="ignore")
            message = cut + "...TRUNCATED"
        context.abort(_STATUS[int(code)], message)
        return None

    return answer


class _Service:
    def __init__(
        self, manager: ModelManager, slots: threading.BoundedSemaphore
    ) -> None:
        self._manager = manager
        self.slots = slots

    def _model(self, request: Any) -> tuple[int, LoadedModel]:
        name, version, label = _model_spec(request)
        return self._manager.model(name, version, label)


class PredictionService(
    _Service, prediction_service_pb2_grpc.PredictionServiceServicer
):
    """Answers predictions; what it does not override is UNIMPLEMENTED."""

    @_answering
    def Predict(self, request: Any, context: Any) -> predict_pb2.PredictResponse:
        """Runs a signature until the call's deadline."""
        number, model = self._model(request)
        response = run_request(model, request, context.time_remaining())
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = number
        return response

    @_answering
    def GetModelMetadata(
        self, request: Any, context: Any
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Tells the signatures."""
        # The model is named first, then found last, as TensorFlow Serving does.
        _model_spec(request)
        if not request.metadata_field:
            raise ServingError(
                "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != METADATA_FIELD:
                raise ServingError(f"Metadata field {field} is not supported")
        number, model = self._model(request)
        return metadata_answer(request.model_spec.name, number, model.signature_defs)


class ModelService(_Service, model_service_pb2_grpc.ModelServiceServicer):
    """Tells the state of models, and takes another set of them."""

    @_answering
    def GetModelStatus(
        self, request: Any, context: Any
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Lists versions; a label is not looked at, and no model has an empty name."""
        name, version, _ = _model_choice(request)
        return status_answer(self._manager.statuses(name, version))

    @_answering
    def HandleReloadConfigRequest(
        self, request: Any, context: Any
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serves another set of models, versions and labels."""
        self._manager.reload(model_config.from_message(request.config))
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = 0
        return response


def _model_spec(request: Any) -> tuple[str, int | None, str | None]:
    name, version, label = _model_choice(request)
    if not name:
        raise ServingError("ModelSpec has no name specified.")
    return name, version, label


def _model_choice(request: Any) -> tuple[str, int | None, str | None]:
    if not request.HasField("model_spec"):
        raise ServingError("Missing ModelSpec")
    spec = request.model_spec
    chosen = spec.WhichOneof("version_choice")
    version = spec.version.value if chosen == "version" else None
    label = spec.version_label if chosen == "version_label" else None
    return spec.name, version, label
