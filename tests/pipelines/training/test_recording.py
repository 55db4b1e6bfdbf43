import dataclasses
import json

import numpy as np
import pytest

import keras_unet
from pipelines import run_folder
from pipelines.training import recording
from pipelines.training.recording import Recorder
from pipelines.training.run_plan import plan_run
from pipelines.validation import Validation


@pytest.fixture
def recorder(fit_config, tmp_path):
    config = fit_config(tmp_path / "run", base_filters=2, depth=1)
    plan = plan_run(config)
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    return Recorder(plan)


def result(loss, threshold=0.4):
    return Validation(loss, threshold, np.array([[6, 1], [1, 2]]), [])


def as_json(record):
    return json.dumps(dataclasses.asdict(record))


def names(recorder):
    return sorted(path.name for path in recorder.path.rglob("*.keras"))


def test_the_best_model_has_its_record_and_a_file_of_its_own(recorder):
    recorder.save_best(3, result(0.5))
    assert names(recorder) == ["best_000000003.keras", "model.keras"]
    record = run_folder.load_record(recorder.path)
    assert as_json(record) == as_json(recorder.record)
    assert (record.threshold, record.best["step"]) == (0.4, 3)
    assert record.best["val_pixel_error"] == pytest.approx(0.2)


def test_older_best_models_are_kept_until_a_checkpoint_needs_them_no_more(recorder):
    recorder.save_best(3, result(0.5))
    recorder.save_best(5, result(0.4))
    assert names(recorder)[:2] == ["best_000000003.keras", "best_000000005.keras"]
    recorder.tidy()
    assert names(recorder) == ["best_000000005.keras", "model.keras"]


def test_a_best_model_later_than_the_checkpoint_is_put_back(recorder):
    recorder.save_best(3, result(0.5, threshold=0.3))
    kept = recorder.progress()
    before = (recorder.path / "model.keras").read_bytes()
    recorder.save_best(5, result(0.4, threshold=0.6))
    recorder.go_on(kept)
    assert (recorder.path / "model.keras").read_bytes() == before
    assert run_folder.load_record(recorder.path).threshold == 0.3


def test_without_a_best_model_in_the_checkpoint_there_is_none(recorder):
    kept = recorder.progress()
    recorder.save_best(5, result(0.4))
    (recorder.path / "history.csv").write_text("step\n5\n")
    recorder.go_on(kept)
    assert not (recorder.path / "model.keras").exists()
    assert not (recorder.path / "config.json").exists()


def test_a_disk_that_takes_no_more_is_one_sentence(recorder, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording.run_folder, "save_model", full)
    words = "of step 5, cannot be written .No space left"
    with pytest.raises(ValueError, match=words):
        recorder.save_best(5, result(0.4))
    # It is told of the model that is there, not of the one that is not.
    with caplog.at_level("INFO"):
        recorder.give_up()
    assert "No model was saved" in caplog.text


def test_what_holds_nothing_is_removed_and_the_rest_is_kept(recorder, caplog):
    caplog.set_level("INFO")
    recorder.save_best(5, result(0.4))
    recorder.give_up()
    assert "holds the best model, of step 5. Go on with --resume" in caplog.text
    assert recorder.path.exists()


def test_an_empty_run_is_removed_but_not_one_that_was_stopped(recorder, caplog):
    caplog.set_level("INFO")
    recorder.give_up(was_stopped=True)
    assert "Go on with --resume, which starts at step 0" in caplog.text
    assert recorder.path.exists()
    recorder.give_up()
    assert not recorder.path.exists()


def test_the_model_is_validated_as_it_is_now(recorder):
    model = keras_unet.build_unet(base_filters=2, depth=1, activation=None)
    first = recorder.validate(model.get_weights())
    model.set_weights([weight * 0 for weight in model.get_weights()])
    second = recorder.validate(model.get_weights())
    # Logits of 0: log 2 at every pixel.
    assert second.loss == pytest.approx(np.log(2), abs=1e-5)
    assert first.loss != second.loss


def test_of_a_diverged_training_nobody_is_told_to_go_on(recorder, caplog):
    caplog.set_level("INFO")
    recorder.save_best(5, result(0.4))
    recorder.give_up(can_go_on=False)
    assert "step 5. It cannot go on." in caplog.text


def test_the_validation_loss_weighs_classes_as_the_training_does(fit_config, tmp_path):
    config = fit_config(
        tmp_path / "run", base_filters=2, depth=1, class_weights=("0", "3")
    )
    recorder = Recorder(plan_run(config))
    model = keras_unet.build_unet(base_filters=2, depth=1, activation=None)
    found = recorder.validate([weight * 0 for weight in model.get_weights()])
    # Logits of 0: log 2 at every pixel, times 3 at those of the foreground.
    share = found.confusion[1].sum() / found.confusion.sum()
    assert found.loss == pytest.approx(3 * share * np.log(2), abs=1e-5)
