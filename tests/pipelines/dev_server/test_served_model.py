import gc
import os
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from pipelines.dev_server import served_model
from pipelines.dev_server.errors import Code, ServingError
from pipelines.dev_server.models import ModelManager
from pipelines.dev_server.served_model import VersionStatus


@pytest.fixture
def base(toy_folder, tmp_path):
    """A base path of its own, with version 1 of the toy model."""
    shutil.copytree(toy_folder / "1", tmp_path / "toy" / "1")
    return tmp_path / "toy"


@pytest.fixture(scope="module")
def tripling(write_toy_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tripling") / "model"
    write_toy_model(folder, factor=3.0)
    return folder


def publish(folder, base, version):
    shutil.copytree(folder, base / f".tmp-{version}")
    os.rename(base / f".tmp-{version}", base / str(version))


def answer(manager, version=None):
    number, model = manager.model("toy", version)
    x = np.ones((1, 2), np.float32)
    outputs = model.run(model.signature(""), {"x": x})
    return number, outputs["y"][0, 0].item()


def states(manager):
    return {s.version: (s.state, s.error_code.name) for s in manager.statuses("toy")}


def test_newest_version_is_served(base, tripling):
    publish(tripling, base, "00000010")
    manager = ModelManager(base)
    manager.poll()
    assert answer(manager) == (10, 3.0)
    assert states(manager) == {10: ("AVAILABLE", "OK")}


def test_published_version_replaces_the_older_one_within_seconds(base, tripling):
    manager = ModelManager(base)
    manager.start()
    try:
        assert answer(manager) == (1, 2.0)
        publish(tripling, base, 2)
        wanted = [VersionStatus(2, "AVAILABLE"), VersionStatus(1, "END")]
        # Some seconds, and more on a busy machine.
        deadline = time.monotonic() + 60
        while manager.statuses("toy") != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        assert manager.statuses("toy") == wanted
        assert answer(manager) == (2, 3.0)
    finally:
        manager.close()
    with pytest.raises(ServingError, match=r"Specific\(toy, 1\)"):
        manager.model("toy", 1)


def test_request_under_way_ends_on_the_version_it_began_with(base, tripling):
    manager = ModelManager(base)
    manager.poll()
    _, model = manager.model("toy")
    publish(tripling, base, 2)
    manager.poll()
    x = np.ones((1, 2), np.float32)
    assert model.run(model.signature(""), {"x": x})["y"][0, 0] == 2.0


def test_older_version_is_there_until_the_newer_one_is_loaded(
    base, tripling, monkeypatch
):
    manager = ModelManager(base)
    manager.poll()
    seen = []

    class Watched(served_model.LoadedModel):
        def __init__(self, folder):
            seen.append((answer(manager), states(manager)))
            super().__init__(folder)

    monkeypatch.setattr(served_model, "LoadedModel", Watched)
    publish(tripling, base, 2)
    manager.poll()
    assert seen == [((1, 2.0), {1: ("AVAILABLE", "OK"), 2: ("LOADING", "OK")})]


def test_version_that_does_not_load_is_told_and_not_tried_again(base, tripling):
    manager = ModelManager(base)
    manager.poll()
    (base / "2").mkdir()
    (base / "2" / "saved_model.pb").write_bytes(b"no message")
    manager.poll()
    assert states(manager) == {1: ("AVAILABLE", "OK"), 2: ("END", "UNKNOWN")}
    assert manager.statuses("toy", 2)[0].error_message
    shutil.rmtree(base / "2")
    publish(tripling, base, 2)
    manager.poll()
    assert answer(manager) == (1, 2.0)
    publish(tripling, base, 3)
    manager.poll()
    assert answer(manager) == (3, 3.0)


def graphs():
    return sum(type(thing) is tf.Graph for thing in gc.get_objects())


def test_version_that_does_not_load_has_the_code_of_its_error_and_keeps_no_memory(
    base, tripling
):
    manager = ModelManager(base)
    manager.poll()
    publish(tripling, base, 2)
    for file in (base / "2" / "variables").glob("*.data-*"):
        file.write_bytes(file.read_bytes()[:1])
    gc.collect()
    before = graphs()
    gc.disable()
    try:
        manager.poll()
        assert graphs() == before
    finally:
        gc.enable()
    assert states(manager) == {1: ("AVAILABLE", "OK"), 2: ("END", "OUT_OF_RANGE")}
    assert manager.statuses("toy", 2)[0].error_message.startswith("Read less bytes")


def test_withdrawn_version_gives_way_to_the_one_before(base, tripling):
    publish(tripling, base, 2)
    manager = ModelManager(base)
    manager.poll()
    shutil.rmtree(base / "2")
    manager.poll()
    assert answer(manager) == (1, 2.0)
    assert states(manager) == {1: ("AVAILABLE", "OK"), 2: ("END", "OK")}


def test_removed_model_is_unloaded_and_still_listed(base):
    manager = ModelManager(base)
    manager.poll()
    shutil.rmtree(base / "1")
    manager.poll()
    assert states(manager) == {1: ("END", "OK")}
    with pytest.raises(ServingError, match=r"Latest\(toy\)") as raised:
        manager.model("toy")
    assert raised.value.code == Code.NOT_FOUND


@pytest.mark.parametrize("content", [None, b"no message"])
def test_start_without_a_version_that_loads_is_refused(tmp_path, content):
    (tmp_path / "1").mkdir()
    if content:
        (tmp_path / "1" / "saved_model.pb").write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path)):
        ModelManager(tmp_path).start()
