import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from pipelines.dev_server import warm_up
from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.models import ModelManager
from pipelines.dev_server.saved_model import LoadedModel
from pipelines.export_layout import WARM_UP


def record(signature="", **inputs):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


@pytest.fixture
def version(toy_folder, tmp_path):
    """A function that writes version 1 with warm-up records; returns its folder."""

    def write(*records):
        shutil.copytree(toy_folder / "1", tmp_path / "toy" / "1")
        file = tmp_path / "toy" / "1" / WARM_UP
        file.parent.mkdir()
        with tf.io.TFRecordWriter(str(file)) as writer:
            for log in records:
                writer.write(log.SerializeToString())
        return tmp_path / "toy" / "1"

    return write


GOOD = record(x=np.ones((1, 2), np.float32))
BAD = record("nope")


def test_every_record_is_run_before_the_version_is_available(version, monkeypatch):
    folder = version(GOOD, GOOD)
    runs = []
    run = LoadedModel.run
    monkeypatch.setattr(
        LoadedModel, "run", lambda *arguments: runs.append(1) or run(*arguments)
    )
    manager = ModelManager(folder.parent)
    manager.poll()
    assert len(runs) == 2
    assert manager.statuses("toy")[0].state == "AVAILABLE"


def test_failing_record_keeps_the_version_from_being_served(version):
    folder = version(GOOD, BAD)
    manager = ModelManager(folder.parent)
    manager.poll()
    (status,) = manager.statuses("toy")
    assert (status.state, status.error_code.name) == ("END", "FAILED_PRECONDITION")
    assert status.error_message == 'Serving signature key "nope" not found.'


def test_other_logs_than_predictions_are_refused(version):
    log = prediction_log_pb2.PredictionLog()
    log.regress_log.request.model_spec.name = "toy"
    folder = version(log)
    with pytest.raises(ServingError, match="predict requests only"):
        warm_up.warm_up(LoadedModel(folder), folder)


def test_too_many_records_are_refused(version, monkeypatch):
    monkeypatch.setattr(warm_up, "MOST_RECORDS", 1)
    folder = version(GOOD, GOOD)
    with pytest.raises(ServingError, match=r"exceeds the maximum \(1\)"):
        warm_up.warm_up(LoadedModel(folder), folder)


def test_file_that_is_no_tfrecord_is_refused(version):
    folder = version()
    (folder / WARM_UP).write_bytes(b"no records here, only words")
    with pytest.raises(ServingError, match="in TFRecord format"):
        warm_up.warm_up(LoadedModel(folder), folder)


def test_version_without_a_file_is_not_warmed(toy_folder):
    warm_up.warm_up(LoadedModel(toy_folder / "1"), toy_folder / "1")
