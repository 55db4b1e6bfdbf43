"""What a server says of its models, as TensorFlow Serving's messages.

gRPC sends them as they are, REST as the JSON of protobuf.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from pipelines.dev_server.served_model import VersionStatus

METADATA_FIELD = "signature_def"


def status_answer(
    statuses: Iterable[VersionStatus],
) -> get_model_status_pb2.GetModelStatusResponse:
    """Returns the answer to a status request."""
    response = get_model_status_pb2.GetModelStatusResponse()
    state_type = get_model_status_pb2.ModelVersionStatus.State
    for status in statuses:
        entry = response.model_version_status.add(
            version=status.version, state=state_type.Value(status.state)
        )
        entry.status.error_code = int(status.error_code)
        # Names of files need not be UTF-8.
        words = status.error_message.encode("utf-8", "replace")
        entry.status.error_message = words.decode("utf-8")
    return response


def metadata_answer(
    name: str, version: int, signature_defs: Mapping[str, Any]
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Returns the answer to a metadata request.

    Args:
        name: the model's.
        version: the version that answers.
        signature_defs: its SignatureDef messages by name.
    """
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in signature_defs.items():
        signatures.signature_def[key].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    response.metadata[METADATA_FIELD].Pack(signatures)
    return response
