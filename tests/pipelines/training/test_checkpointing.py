import errno
import os
import pathlib
import signal

import keras
import numpy as np
import pytest

from pipelines import fit, run_folder
from pipelines.training import checkpoint, recording
from pipelines.training import training as training_module
from pipelines.training.budget import Budget


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


@pytest.fixture(scope="module")
def straight(fit_config, tmp_path_factory):
    """What a training that is not stopped comes to; notes its checkpoints."""
    path = tmp_path_factory.mktemp("straight") / "run"
    settings = {"base_filters": 2, "depth": 1, "steps": 6, "validations": 3}
    steps, write = [], checkpoint.write

    def noted(folder, found):
        steps.append(found.step)
        write(folder, found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "write", noted)
        fit(fit_config(path, dropout=0.2, checkpoint_minutes=60.0, **settings))
    return *outcome(path), steps


def test_checkpoints_come_with_validations(straight):
    assert straight[-1] == [2, 4, 6]


def test_a_training_stopped_at_many_moments_comes_to_the_same(
    settings, stopped, straight, caplog, monkeypatch
):
    caplog.set_level("INFO")
    config, resumed = settings("run"), settings("run", resume=True)
    path = pathlib.Path(config.run_dir)

    def latest():
        found = checkpoint.read_latest(path / "checkpoint")
        return found.step, run_folder.load_record(path).best.get("step")

    # Before the first checkpoint: nothing is kept, so it begins anew.
    stopped(config, checkpoint, "write", 1)
    assert not path.exists()
    # In the second, so that the best model has none, and is to be forgotten.
    write = checkpoint._write_parts

    def full(file, found):
        if found.step == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, found)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_write_parts", full)
        with pytest.raises(ValueError, match="No space left.*go on with --resume"):
            fit(config)
    assert latest() == (1, 2)
    # In the validation after step 4.
    stopped(resumed, recording, "validate", 2)
    assert latest() == (3, 2)
    # Between the best model and its name; it is named once as the run goes on.
    stopped(resumed, run_folder, "publish", 2)
    assert latest() == (3, 2)
    stopped(resumed, recording.report, "write_report", 1)
    stopped(resumed, training_module.run_start, "finish", 1)
    result = fit(resumed)
    assert result.steps == 6
    assert_same(outcome(path), straight)

    # A finished run is left as it is.
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    assert fit(resumed) == result
    assert "is finished already" in caplog.text
    assert before == {file: file.stat().st_mtime_ns for file in path.rglob("*")}


def test_a_run_that_is_finished_while_another_process_reads_is_left_as_it_is(
    settings, stopped, monkeypatch
):
    resumed = settings("run", resume=True)
    path = pathlib.Path(resumed.run_dir)
    stopped(settings("run"), checkpoint, "write", 3)
    plan_run, known = training_module.plan_run, []

    def finished_meanwhile(config):
        plan = plan_run(config)
        monkeypatch.setattr(training_module, "plan_run", plan_run)
        known.append(fit(resumed))
        known.append({file: file.stat().st_mtime_ns for file in path.rglob("*")})
        return plan

    monkeypatch.setattr(training_module, "plan_run", finished_meanwhile)
    result = fit(resumed)
    times = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    assert [result, times] == known


def test_a_training_that_a_signal_stopped_comes_to_the_same(
    settings, straight, monkeypatch
):
    end = Budget.on_train_batch_end

    def interrupted(self, batch, logs=None):
        end(self, batch, logs)
        if self.step == 3:
            signal.raise_signal(signal.SIGINT)

    config = settings("run", checkpoint_minutes=60.0)
    # In a process of the background it may be ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Budget, "on_train_batch_end", interrupted)
            fit(config)
    finally:
        signal.signal(signal.SIGINT, before)
    path = pathlib.Path(config.run_dir)
    assert checkpoint.read_latest(path / "checkpoint").step == 3
    fit(settings("run", resume=True, checkpoint_minutes=60.0))
    assert_same(outcome(path), straight)


@pytest.mark.slow
def test_an_optimizer_with_a_state_goes_on_under_float16(settings, stopped):
    changes = {
        "precision": "float16",
        "optimizer": "keras.optimizers:SGD:momentum=0.9",
    }
    fit(settings("straight", **changes))
    config = settings("run", **changes)
    stopped(config, checkpoint, "write", 4)
    fit(settings("run", resume=True, **changes))
    parent = pathlib.Path(config.run_dir).parent
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
    config = settings("run", steps=None, minutes=10.0, validations=1)
    # The first checkpoint is written, then time runs out.
    stopped(config, checkpoint, "write", 2)
    path = pathlib.Path(config.run_dir)
    found = checkpoint.read_latest(path / "checkpoint")
    found.progress["budget"]["seconds"] = 1000.0
    checkpoint.write(path / "checkpoint", found)
    result = fit(settings("run", steps=None, minutes=10.0, validations=1, resume=True))
    assert result.steps == found.step + 1
    assert len(run_folder.load_history(path)) == 1
