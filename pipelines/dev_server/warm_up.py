"""Replays the warm-up requests of an export: a version must answer them to be served.

The file is assets.extra/tf_serving_warmup_requests, a TFRecord of `PredictionLog`
messages. With TensorFlow Serving too a request that fails keeps a version from being
served.
"""

from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.messages import run_request
from pipelines.dev_server.saved_model import LoadedModel
from pipelines.export_layout import WARM_UP

MOST_RECORDS = 1000


def warm_up(model: LoadedModel, folder: Path) -> None:
    """Runs each request once; does nothing where there is no file.

    Args:
        model: as loaded from `folder`.
        folder: the version folder.

    Raises:
        ServingError: the file is no TFRecord, has too many records, or a request fails.
    """
    file = folder / WARM_UP
    if not file.is_file():
        return
    for number, record in enumerate(_records(file)):
        if number >= MOST_RECORDS:
            raise ServingError(
                f"Number of warmup records exceeds the maximum ({MOST_RECORDS})"
            )
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.WhichOneof("log_type") != "predict_log":
            raise ServingError(
                "The development server replays predict requests only",
                Code.UNIMPLEMENTED,
            )
        run_request(model, log.predict_log.request)


def _records(file: Path) -> list[bytes]:
    try:
        records = tf.data.TFRecordDataset(str(file)).take(MOST_RECORDS + 1)
        return [record.numpy() for record in records]
    except tf.errors.DataLossError as error:
        raise ServingError(
            "Please verify your warmup data is in TFRecord format", Code.DATA_LOSS
        ) from error
