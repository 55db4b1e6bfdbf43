import dataclasses
import json
import logging
import pathlib

import pytest

from pipelines.training import checkpoint, choices, run_start
from pipelines.training.checkpoint import Checkpoint
from pipelines.training.run_plan import plan_run


@pytest.fixture
def config(fit_config, tmp_path):
    return fit_config(tmp_path / "run")


@pytest.fixture
def resumed(config):
    return dataclasses.replace(config, resume=True)


@pytest.fixture
def begun(config):
    """The folder of a run that has begun, and its plan."""
    plan = plan_run(config)
    return run_start.begin(plan), plan


def test_a_new_run_needs_a_new_folder(config, tmp_path):
    assert run_start.check_place(config) is None
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match="run exists already") as error:
        run_start.check_place(config)
    assert "--resume" not in str(error.value)


def test_an_interrupted_run_is_offered_to_be_resumed(config, begun):
    with pytest.raises(ValueError, match="exists already.*go on with it by --resume"):
        run_start.check_place(config)


def test_a_run_that_was_killed_before_it_had_a_folder_starts(resumed, caplog):
    caplog.set_level(logging.INFO)
    assert run_start.check_place(resumed) is None
    assert "run does not exist yet: it starts at step 0" in caplog.text


def test_what_is_no_run_cannot_be_resumed(resumed, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match="run holds no run, so there is nothing"):
        run_start.check_place(resumed)


@pytest.fixture
def go_on(resumed, begun):
    """Returns the settings with which the run goes on, and its state."""

    def go_on(**changes):
        config = dataclasses.replace(resumed, **changes)
        state = run_start.check_place(config)
        return run_start.as_begun(config, state), state

    return go_on


def test_a_run_goes_on_with_the_settings_it_has(go_on):
    config, state = go_on()
    assert not state.finished
    free = {"checkpoint_minutes": 7.0, "cache_gigabytes": 0.0}
    assert go_on(**free)[0] == dataclasses.replace(config, **free)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 5}, "steps is 5, but .*run was begun with 4"),
        ({"steps": None}, "steps is None, but .*run was begun with 4"),
        ({"seed": 1}, "seed is 1, .* with 0"),
        # Of tiles of 32 pixels: 10 * 32 / 256.
        ({"elastic": 3.0}, "elastic is 3.0, .* with 1.25"),
        ({"precision": "bfloat16"}, "precision is 'bfloat16', .* with 'float32'"),
        ({"class_weights": ("1", "2")}, r"class_weights is .* with \[\]"),
        ({"validation_stems": ("cell_1",)}, "validation_stems is .* with"),
    ],
)
def test_other_settings_are_refused_by_name_and_both_values(go_on, changes, words):
    with pytest.raises(ValueError, match=words):
        go_on(**changes)


def test_images_may_have_moved(go_on, tmp_path):
    moved = {"images": str(tmp_path / "elsewhere"), "masks": "other/masks/"}
    assert go_on(**moved)[0].images == moved["images"]


def test_a_whole_number_is_the_same_setting_as_with_a_point(fit_config, tmp_path):
    config = fit_config(tmp_path / "run", elastic=10.0)
    run_start.begin(plan_run(config))
    same = dataclasses.replace(config, elastic=10, resume=True)
    state = run_start.check_place(same)
    assert run_start.as_begun(same, state).elastic == 10.0


def test_settings_left_open_are_as_they_were_decided(fit_config, tmp_path):
    config = fit_config(
        tmp_path / "run", steps=None, tile_size=None, weight_map="paper"
    )
    plan = plan_run(config)
    assert plan.config.class_weights == ("balanced",)
    run_start.begin(plan)
    resumed = dataclasses.replace(config, resume=True)
    state = run_start.check_place(resumed)
    decided = run_start.as_begun(resumed, state)
    assert decided == dataclasses.replace(plan.config, resume=True)
    # With the reasons that were given then.
    assert run_start.resumed_plan(plan_run(decided), state).choices == plan.choices


def test_what_another_machine_would_decide_is_told_and_not_taken(
    fit_config, tmp_path, caplog, monkeypatch
):
    config = fit_config(tmp_path / "run", precision="auto", base_filters=None)
    begun_on = [choices.Choice("base_filters", 32, "a GPU computes")]
    begun_on.append(choices.Choice("precision", "float16", "this machine is fast"))
    with monkeypatch.context() as patch:
        patch.setattr(choices, "by_machine", lambda _: begun_on)
        run_start.begin(plan_run(config))
    resumed = dataclasses.replace(config, resume=True)
    found = run_start.as_begun(resumed, run_start.check_place(resumed))
    assert (found.base_filters, found.precision) == (32, "float16")
    assert "goes on with base_filters 32, as it was begun; on this" in caplog.text
    assert "goes on with precision float16, as it was begun" in caplog.text


def test_a_run_of_a_version_with_other_tiles_is_refused(resumed, begun):
    path = begun[0] / "checkpoint" / "run.json"
    record = json.loads(path.read_text())
    # 0.1.0 wrote none.
    del record["format"]
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="by a version that made other tiles"):
        run_start.as_begun(resumed, run_start.check_place(resumed))


def test_only_what_was_left_open_is_told(fit_config, tmp_path, caplog):
    config = fit_config(tmp_path / "run", base_filters=5, precision="float32")
    run_start.begin(plan_run(config))
    resumed = dataclasses.replace(config, base_filters=None, resume=True)
    state = run_start.check_place(resumed)
    assert run_start.as_begun(resumed, state).base_filters == 5
    assert "on this machine" not in caplog.text


def test_a_setting_that_is_left_out_now_is_refused(fit_config, tmp_path):
    config = fit_config(tmp_path / "run", loss="keras.losses:BinaryFocalCrossentropy")
    run_start.begin(plan_run(config))
    without = dataclasses.replace(config, loss=None, resume=True)
    state = run_start.check_place(without)
    with pytest.raises(ValueError, match="loss is None, but .*BinaryFocal"):
        run_start.as_begun(without, state)


def test_what_a_kill_left_half_written_is_removed(resumed, begun):
    path, _ = begun
    halves = [".7.part.model.keras", ".history.csv.7.part", "checkpoint/.7.part.keras"]
    for name in halves:
        (path / name).write_bytes(b"half")
    run_start.newest_checkpoint(pathlib.Path(resumed.run_dir))
    left = [file.name for file in path.rglob("*") if file.is_file()]
    assert left == ["run.json"]


def test_other_images_are_refused(resumed, begun):
    path, plan = begun
    state = run_start.check_place(resumed)
    run_start.resumed_plan(plan, state)
    fewer = dataclasses.replace(plan, training_set=plan.training_set.subset([0]))
    with pytest.raises(ValueError, match="The training images or masks are not those"):
        run_start.resumed_plan(fewer, state)


def forget_settings(path, *names):
    """As a version without them has begun the run."""
    file = path / "checkpoint" / "run.json"
    state = json.loads(file.read_text())
    for name in names:
        del state["settings"][name]
    file.write_text(json.dumps(state))


def test_a_run_of_a_version_with_fewer_settings_is_refused(resumed, begun):
    path, _ = begun
    forget_settings(path, "elastic")
    with pytest.raises(ValueError, match="was begun by a version without elastic"):
        run_start.as_begun(resumed, run_start.check_place(resumed))


def test_a_setting_that_a_run_was_begun_without_was_as_by_default(resumed, begun):
    path, _ = begun
    forget_settings(path, "decay")
    found = run_start.check_place(resumed)
    assert run_start.as_begun(resumed, found).decay == 0.9
    with pytest.raises(ValueError, match="was begun by a version without decay"):
        run_start.as_begun(dataclasses.replace(resumed, decay=0.5), found)


def test_a_finished_run_is_left_as_it_is_whatever_settings_it_had(resumed, begun):
    path, _ = begun
    run_start.finish(path)
    forget_settings(path, "decay", "elastic")
    found = run_start.check_place(resumed)
    assert run_start.as_begun(resumed, found).run_dir == str(path)


def test_other_versions_are_told(resumed, begun, caplog):
    path, plan = begun
    file = path / "checkpoint" / "run.json"
    state = json.loads(file.read_text())
    state["versions"]["tensorflow"] = "1.0"
    file.write_text(json.dumps(state))
    run_start.resumed_plan(plan, run_start.check_place(resumed))
    assert "was begun with tensorflow 1.0" in caplog.text


def test_without_a_checkpoint_a_run_starts_at_step_0_and_says_so(
    resumed, begun, caplog
):
    caplog.set_level("INFO")
    assert run_start.newest_checkpoint(pathlib.Path(resumed.run_dir)) is None
    assert "starts at step 0" in caplog.text


def test_the_newest_checkpoint_is_taken(resumed, begun):
    path, _ = begun
    checkpoint.write(path / "checkpoint", Checkpoint(3, {}, {}))
    assert run_start.newest_checkpoint(pathlib.Path(resumed.run_dir)).step == 3


def test_a_finished_run_keeps_only_its_mark(resumed, config, begun):
    path, _ = begun
    checkpoint.write(path / "checkpoint", Checkpoint(3, {}, {}))
    (path / "checkpoint" / "best_000000003.keras").write_bytes(b"")
    run_start.finish(path)
    assert [file.name for file in (path / "checkpoint").iterdir()] == ["run.json"]
    assert run_start.check_place(resumed).finished
    with pytest.raises(ValueError, match="exists already") as error:
        run_start.check_place(config)
    assert "--resume" not in str(error.value)


def test_a_dangling_link_is_refused_too(config, tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="run exists already"):
        run_start.check_place(config)


def test_a_folder_that_cannot_be_made_is_a_clear_error(config, tmp_path):
    plan = plan_run(config)
    (tmp_path / "file").write_text("no folder")
    inside = dataclasses.replace(config, run_dir=str(tmp_path / "file" / "run"))
    with pytest.raises(ValueError, match="file/run: the folder cannot be made"):
        run_start.begin(dataclasses.replace(plan, config=inside))
    assert (tmp_path / "file").read_text() == "no folder"
