import dataclasses
import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

from pipelines import run_folder
from pipelines.config.choice import Choice
from pipelines.dataset.mask_values import MaskCoding


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the shared run that may be damaged."""
    return shutil.copytree(run, tmp_path / "run")


def with_metadata(path, metadata):
    """Rewrites a .keras file with another metadata.json."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["metadata.json"] = metadata.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def test_a_run_is_read_back_with_its_model_and_record(random_net, save_run, tmp_path):
    model = random_net("paper", 2, num_classes=2)
    path = save_run(tmp_path / "run", model, threshold=0.31)
    run = run_folder.load(str(path))
    assert run.path == path
    assert run.record.threshold == 0.31
    assert run.record.mask_coding == MaskCoding("binary", 255, 2)
    for found, expected in zip(
        run.model.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_record_survives_writing_and_reading(run, tmp_path):
    record = run_folder.load(str(run)).record
    run_folder.publish(tmp_path, run / "model.keras", record)
    again = json.loads((tmp_path / "config.json").read_text())
    assert again == json.loads(json.dumps(dataclasses.asdict(record)))


def test_a_record_of_an_older_version_has_no_choices(copied):
    assert {type(one) for one in run_folder.load_record(copied).choices} == {Choice}
    path = copied / "config.json"
    older = json.loads(path.read_text())
    del older["choices"], older["object_threshold"]
    path.write_text(json.dumps(older))
    record = run_folder.load_record(copied)
    assert (record.choices, record.object_threshold) == ((), None)


def test_saving_leaves_no_partial_file(run):
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_a_failed_save_keeps_the_model_that_was_there(
    random_net, save_run, tmp_path, monkeypatch
):
    model = random_net()
    path = save_run(tmp_path / "run", model)
    before = (path / "model.keras").read_bytes()

    def fail(self, target, *arguments, **settings):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(type(model), "save", fail)
    with pytest.raises(OSError, match="disk full"):
        run_folder.save_model(path / "model.keras", model)
    assert (path / "model.keras").read_bytes() == before
    assert sorted(file.name for file in path.iterdir()) == [
        "config.json",
        "model.keras",
    ]


def test_versions_name_what_a_run_depends_on():
    versions = run_folder.versions()
    assert versions["keras"] == keras.__version__
    assert {"python", "tensorflow", "numpy", "keras-unet-pipelines"} <= set(versions)


def test_model_and_record_appear_together_or_not_at_all(
    random_net, save_run, tmp_path, monkeypatch
):
    path = save_run(tmp_path / "run", random_net())
    before = [(path / name).read_bytes() for name in ("model.keras", "config.json")]
    record = dataclasses.replace(run_folder.load_record(path), threshold=0.9)
    (tmp_path / "other.keras").write_bytes(b"other")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(run_folder, "flush_to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        run_folder.publish(path, tmp_path / "other.keras", record)
    after = [(path / name).read_bytes() for name in ("model.keras", "config.json")]
    assert before == after
    assert len(list(path.iterdir())) == 2


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_that_was_interrupted_is_told(copied, finished, caplog):
    (copied / "checkpoint").mkdir(exist_ok=True)
    state = json.dumps({"finished": finished})
    (copied / "checkpoint" / "run.json").write_text(state)
    run_folder.load(str(copied))
    assert ("has not come to its end" in caplog.text) is not finished


@pytest.mark.parametrize("name", ["config.json", "model.keras"])
def test_a_missing_part_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is missing"):
        run_folder.load(str(copied))


def test_a_file_in_the_place_of_the_run_is_refused(copied):
    with pytest.raises(ValueError, match="no run folder"):
        run_folder.load(str(copied / "model.keras"))


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b"{}", b'{"extra": 1}', b"\xff\xfe\x00", b""]
)
def test_a_damaged_record_is_named(copied, text):
    (copied / "config.json").write_bytes(text)
    with pytest.raises(ValueError, match="config.json: not the record of a run"):
        run_folder.load(str(copied))


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_named(copied, data):
    (copied / "model.keras").write_bytes(data)
    with pytest.raises(ValueError, match="model.keras: not a .keras file"):
        run_folder.load(str(copied))


@pytest.mark.parametrize("metadata", ["{}", "[]", "{", '"text"'])
def test_an_archive_of_something_else_is_named(copied, metadata):
    with_metadata(copied / "model.keras", metadata)
    with pytest.raises(ValueError, match="model.keras: not a .keras file"):
        run_folder.load(str(copied))


def with_broken_model(run_dir, keras_version):
    with zipfile.ZipFile(run_dir / "model.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": keras_version}))
        archive.writestr("config.json", "{}")


def test_a_damaged_model_is_named(copied):
    with_broken_model(copied, keras.__version__)
    with pytest.raises(ValueError, match="model.keras: cannot be loaded.*Restore"):
        run_folder.load(str(copied))


def test_a_model_that_a_newer_keras_saved_is_told_from_a_damaged_one(copied):
    newer = f"{keras.__version__.split('.')[0]}.99.1"
    with_broken_model(copied, newer)
    with pytest.raises(ValueError, match=f"install keras=={newer}, or fit") as caught:
        run_folder.load(str(copied))
    assert f"this is Keras {keras.__version__}" in str(caught.value)


def test_a_file_of_the_other_keras_gives_one_clear_sentence(copied):
    other = "2.15.0" if keras.__version__.startswith("3") else "3.9.1"
    with_metadata(
        copied / "model.keras", json.dumps({"keras_version": other, "x": "y"})
    )
    with pytest.raises(ValueError, match=f"saved by Keras {other}") as caught:
        run_folder.load(str(copied))
    message = str(caught.value)
    assert f"this is Keras {keras.__version__}" in message
    assert "fit again" in message
    assert "\n" not in message


def test_a_file_of_another_minor_version_is_read(copied):
    major = keras.__version__.split(".")[0]
    with_metadata(copied / "model.keras", json.dumps({"keras_version": f"{major}.0.9"}))
    run_folder.check_keras_version(copied / "model.keras")


def test_the_history_is_read_as_numbers(run):
    rows = run_folder.load_history(run)
    assert [row["step"] for row in rows] == [2.0, 4.0]
