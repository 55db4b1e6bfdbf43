import errno
import os

import keras
import numpy as np
import pytest

from pipelines import fit, run_folder
from pipelines.training import checkpoint, recording
from pipelines.training import training as training_module


class Stopped(Exception):
    """Ends a training at a chosen moment, as a kill would."""


@pytest.fixture
def settings(fit_config, tmp_path):
    def make(name, **changes):
        smallest = {
            "base_filters": 2,
            "depth": 1,
            "steps": 6,
            "validations": 3,
            "dropout": 0.2,
            "checkpoint_minutes": 0.0,
        }
        return fit_config(tmp_path / name, **smallest | changes)

    return make


@pytest.fixture
def stopped(monkeypatch):
    """Trains until a function has been called some times, then stops."""

    def train(config, module, name, times):
        original = getattr(module, name)
        calls = []

        def stop(*arguments, **named):
            calls.append(name)
            if len(calls) == times:
                raise Stopped
            return original(*arguments, **named)

        with monkeypatch.context() as patch, pytest.raises(Stopped):
            patch.setattr(module, name, stop)
            fit(config)
        assert len(calls) == times

    return train


def outcome(path):
    rows = run_folder.load_history(path)
    for row in rows:
        row.pop("minutes")
    run = run_folder.load(str(path))
    return rows, run.record.best, run.record.threshold, run.model.get_weights()


def assert_same(one, other):
    assert one[:3] == other[:3]
    for found, expected in zip(one[3], other[3], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


# Where a training is stopped, and after how many calls of that.
MOMENTS = {
    "before the first checkpoint": (checkpoint, "write", 1),
    "before a checkpoint": (checkpoint, "write", 4),
    "in a validation": (recording, "validate", 2),
    "between the best model and its name": (run_folder, "publish", 1),
    "before the report": (recording.report, "write_report", 1),
    "before the mark of the end": (training_module.run_start, "finish", 1),
}


@pytest.fixture(scope="module")
def straight(fit_config, tmp_path_factory):
    """What a training that is not stopped comes to."""
    path = tmp_path_factory.mktemp("straight") / "run"
    settings = {"base_filters": 2, "depth": 1, "steps": 6, "validations": 3}
    fit(fit_config(path, dropout=0.2, **settings))
    return outcome(path)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_training_stopped_at_any_moment_goes_on(settings, stopped, straight, moment):
    config = settings("run")
    module, name, times = MOMENTS[moment]
    stopped(config, module, name, times)
    if moment == "before the first checkpoint":
        # Nothing was kept, so the folder is gone: it begins anew.
        result = fit(config)
    else:
        result = fit(settings("run", resume=True))
    assert result.steps == 6
    assert_same(outcome(run_folder.pathlib.Path(result.run_dir)), straight)


def test_a_best_model_without_its_checkpoint_is_forgotten(settings, stopped, straight):
    config = settings("run")
    # The first validation, at step 2, is saved; its checkpoint is not.
    stopped(config, checkpoint, "write", 2)
    path = run_folder.pathlib.Path(config.run_dir)
    assert run_folder.load_record(path).best["step"] == 2
    assert checkpoint.read_latest(path / "checkpoint").step == 1
    fit(settings("run", resume=True))
    assert_same(outcome(path), straight)


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(
    settings, straight, monkeypatch
):
    # Without a cache, whose files are synchronised too.
    config = settings("run", cache_gigabytes=0.0)
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ValueError, match="No space left.*go on with --resume"):
            fit(config)
    path = run_folder.pathlib.Path(config.run_dir)
    assert checkpoint.read_latest(path / "checkpoint") is not None
    fit(settings("run", resume=True))
    assert_same(outcome(path), straight)


def test_a_finished_run_is_left_as_it_is(settings, caplog):
    caplog.set_level("INFO")
    config = settings("run", steps=2, validations=1)
    first = fit(config)
    before = {
        path: path.stat().st_mtime_ns
        for path in run_folder.pathlib.Path(config.run_dir).rglob("*")
    }
    again = fit(settings("run", steps=2, validations=1, resume=True))
    assert again == first
    assert "is finished already" in caplog.text
    after = {
        path: path.stat().st_mtime_ns
        for path in run_folder.pathlib.Path(config.run_dir).rglob("*")
    }
    assert before == after


def test_checkpoints_come_with_validations_and_with_time(settings, monkeypatch):
    steps = []
    write = checkpoint.write

    def noted(folder, found):
        steps.append(found.step)
        write(folder, found)

    monkeypatch.setattr(checkpoint, "write", noted)
    fit(settings("seldom", checkpoint_minutes=60.0))
    assert steps == [2, 4, 6]
    steps.clear()
    fit(settings("often", checkpoint_minutes=0.0))
    assert steps == [1, 2, 3, 4, 5, 6]


def test_an_optimizer_with_a_state_goes_on_under_float16(settings, stopped):
    changes = {
        "precision": "float16",
        "optimizer": "keras.optimizers:SGD:momentum=0.9",
    }
    fit(settings("straight", **changes))
    config = settings("run", **changes)
    stopped(config, checkpoint, "write", 4)
    fit(settings("run", resume=True, **changes))
    parent = run_folder.pathlib.Path(config.run_dir).parent
    assert_same(outcome(parent / "run"), outcome(parent / "straight"))
    assert keras.mixed_precision.global_policy().name == "float32"


def test_an_image_that_breaks_during_training_is_named(settings, discs, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for path in (discs / "images").iterdir():
        (images / path.name).write_bytes(path.read_bytes())

    def cut(*_):
        for path in images.iterdir():
            path.write_bytes(path.read_bytes()[:60])

    config = settings("run", images=str(images))
    begin = training_module.run_start.begin

    def begin_and_cut(*arguments):
        cut()
        return begin(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module.run_start, "begin", begin_and_cut)
        with pytest.raises(ValueError, match=r"cell_\d.png"):
            fit(config)


def test_a_time_that_ended_before_the_last_validation_still_has_one(settings, stopped):
    config = settings("run", steps=None, minutes=1.0, validations=1)
    # The first checkpoint is written, then time runs out.
    stopped(config, checkpoint, "write", 2)
    path = run_folder.pathlib.Path(config.run_dir)
    found = checkpoint.read_latest(path / "checkpoint")
    found.progress["budget"]["seconds"] = 1000.0
    checkpoint.write(path / "checkpoint", found)
    result = fit(settings("run", steps=None, minutes=1.0, validations=1, resume=True))
    assert result.steps == found.step + 1
    assert len(run_folder.load_history(path)) == 1
