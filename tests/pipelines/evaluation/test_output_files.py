import os

import pytest
import tensorflow as tf

from pipelines.config import EvaluateConfig
from pipelines.evaluation.output_files import check_outputs, kept
from pipelines.evaluation.unscored import ScoresError
from pipelines.scores.evaluation_result import Evaluation

SCORES = Evaluation([], None, None, 0.5, 1)


@pytest.fixture
def folder(tmp_path):
    """A run folder by its names."""
    for name in ("model.keras", "config.json", "history.csv", "report.html"):
        (tmp_path / name).write_text(name)
    for name in ("logs/events", "checkpoint/run.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def checked(folder):
    def check(**names):
        names = {setting: str(folder / name) for setting, name in names.items()}
        check_outputs(EvaluateConfig(model=str(folder), images="i", masks="m", **names))

    return check


@pytest.mark.parametrize("setting", ["json", "report"])
@pytest.mark.parametrize(
    "name",
    [
        "model.keras",
        "config.json",
        "history.csv",
        "report.html",
        "logs/events",
        "checkpoint/run.json",
        "logs/../config.json",
    ],
)
def test_no_file_of_the_run_is_replaced(checked, setting, name):
    with pytest.raises(ValueError, match=f"{name} belongs to the run .* Name another"):
        checked(**{setting: name})


def test_a_link_to_a_file_of_the_run_is_that_file(checked, folder):
    os.link(folder / "config.json", folder / "scores.json")
    with pytest.raises(ValueError, match=r"scores\.json belongs to the run"):
        checked(json="scores.json")


def test_scores_may_lie_in_the_folder_of_the_run_and_be_replaced(checked, folder):
    for name in ("scores.json", "scores.html"):
        (folder / name).write_text("before")
    checked(json="scores.json", report="scores.html")
    checked(json="new/scores.json", report="new/scores.html")


@pytest.mark.parametrize("report", ["scores", "logs/../scores", "linked"])
@pytest.mark.parametrize("is_there", [False, True])
def test_one_name_for_both_is_refused(checked, folder, report, is_there):
    (folder / "linked").symlink_to(folder / "scores")
    if is_there:
        (folder / "scores").write_text("before")
    with pytest.raises(ValueError, match="json and report both name .*scores, where"):
        checked(json="scores", report=report)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError("Unable to allocate"), "the machine has no memory left"),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            "the machine has no memory left",
        ),
    ],
)
def test_an_error_in_writing_keeps_the_scores(error, reason):
    with pytest.raises(ScoresError) as caught, kept(SCORES, "a.html"):
        raise error
    assert f"a.html: cannot be written ({reason})" in str(caught.value)
    assert caught.value.report is SCORES


def test_an_error_of_the_code_is_not_one_of_writing():
    with pytest.raises(TypeError), kept(SCORES, "a.html"):
        raise TypeError
