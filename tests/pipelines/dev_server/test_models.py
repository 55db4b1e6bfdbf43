import shutil
import threading
import time

import pytest

from pipelines.dev_server import models, served_model
from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.model_config import read_config_file
from pipelines.dev_server.models import ModelManager


@pytest.fixture
def base(toy_folder, tmp_path):
    """A base path with the versions 1 and 2 of the toy model."""
    for version in ("1", "2"):
        shutil.copytree(toy_folder / "1", tmp_path / "toy" / version)
    return tmp_path / "toy"


def write(path, base, versions, labels, name="cells"):
    path.write_text(f"model_config_list {{ {entry(base, versions, labels, name)} }}")
    return path


def entry(base, versions, labels, name):
    policy = " ".join(f"versions: {version}" for version in versions)
    entries = " ".join(
        f'version_labels {{ key: "{label}" value: {version} }}'
        for label, version in labels.items()
    )
    return (
        f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" '
        f"model_version_policy {{ specific {{ {policy} }} }} {entries} }}"
    )


def wait_until(is_so):
    deadline = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def version_of(manager, label):
    return manager.model("cells", label=label)[0]


def label_is_known(manager, label):
    try:
        return bool(version_of(manager, label))
    except ServingError:
        return False


def test_labels_lead_to_their_versions(base, tmp_path):
    file = write(tmp_path / "f", base, [1, 2], {"stable": 1, "canary": 2, "late": 9})
    manager = ModelManager(file)
    manager.poll()
    assert manager.names == ["cells"]
    assert version_of(manager, "stable") == 1
    assert version_of(manager, "canary") == 2
    with pytest.raises(ServingError, match=r"Specific\(cells, 9\)"):
        version_of(manager, "late")
    with pytest.raises(ServingError, match="Unrecognized .* label: nope"):
        version_of(manager, "nope")


def test_edited_file_is_read_again_and_a_broken_one_is_not(base, tmp_path, caplog):
    file = write(tmp_path / "f", base, [1], {"stable": 1})
    manager = ModelManager(file)
    manager.start()
    try:
        write(file, base, [1, 2], {"stable": 1, "canary": 2})
        wait_until(lambda: len(manager.statuses("cells")) == 2)
        wait_until(lambda: manager.statuses("cells")[0].state == "AVAILABLE")
    finally:
        manager.close()
    assert version_of(manager, "canary") == 2
    file.write_text("model_config_list {")
    manager.poll()
    assert version_of(manager, "canary") == 2
    assert "The models stay as they were" in caplog.text


def test_model_that_is_named_no_more_is_unloaded(base, tmp_path):
    file = write(tmp_path / "f", base, [1], {})
    manager = ModelManager(file)
    manager.poll()
    write(file, base, [1], {}, name="others")
    manager.poll()
    assert manager.names == ["others"]
    with pytest.raises(ServingError, match=r"Latest\(cells\)"):
        manager.model("cells")
    # TensorFlow Serving's monitor keeps the states of what was served.
    assert [status.state for status in manager.statuses("cells")] == ["END"]
    write(file, base, [1], {})
    manager.poll()
    assert manager.model("cells")[0] == 1


def test_a_folder_that_is_away_for_a_moment_unloads_nothing(base):
    manager = ModelManager(base)
    manager.poll()
    away = base.rename(base.with_name("away"))
    manager.poll()
    assert manager.model(base.name)[0]
    away.rename(base)


def test_folder_that_cannot_be_read_keeps_no_other_model_from_being_served(
    base, tmp_path, caplog
):
    unreadable = f"/{'a' * 300}"  # longer than names may be
    entries = entry(unreadable, [1], {}, "first"), entry(base, [1], {}, "second")
    file = tmp_path / "models.config"
    file.write_text(f"model_config_list {{ {' '.join(entries)} }}")
    manager = ModelManager(file)
    for _ in range(3):
        manager.poll()
    assert manager.model("second")[0] == 1
    assert caplog.text.count("Could not read") == 1
    with pytest.raises(ValueError, match="name too long"):
        manager.start()
    manager = ModelManager(base)
    with pytest.raises(ServingError, match=r"Latest\(first\)"):
        manager.reload(read_config_file(file))
    assert manager.model("second")[0] == 1


def test_labels_move_and_the_end_comes_while_a_version_is_loaded(
    base, tmp_path, monkeypatch
):
    monkeypatch.setattr(models, "POLL_SECONDS", 0.05)
    file = write(tmp_path / "f", base, [1], {"stable": 1})
    manager = ModelManager(file)
    manager.start()
    begun, released = threading.Event(), threading.Event()

    def slow(folder):
        begun.set()
        released.wait(30)
        raise OSError("given up")

    monkeypatch.setattr(served_model, "LoadedModel", slow)
    try:
        write(file, base, [1, 2], {"stable": 1})
        assert begun.wait(30)
        write(file, base, [1, 2], {"stable": 1, "canary": 1})
        wait_until(lambda: label_is_known(manager, "canary"))
        assert version_of(manager, "canary") == 1
        manager.close(0.01)
        assert manager.statuses("cells", 2)[0].state == "LOADING"
    finally:
        released.set()
        manager.close()


def test_start_fails_if_one_of_the_models_has_no_version(base, tmp_path):
    file = write(tmp_path / "f", base, [7], {})
    with pytest.raises(ValueError, match="No version of .*toy can be served"):
        ModelManager(file).start()
