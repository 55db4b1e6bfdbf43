import numpy as np
import pytest

from pipelines.training import progress
from pipelines.training.budget import Budget
from pipelines.training.progress import Progress
from pipelines.training.validator import Validator
from pipelines.validation import Validation


def validation(loss=0.5):
    return Validation(loss, 0.4, np.array([[6, 1], [1, 2]]), [])


@pytest.fixture
def made_validator(tmp_path):
    def make(budget, validations):
        return Validator(budget, validations, validation, lambda *_: None, tmp_path)

    return make


@pytest.mark.parametrize(("steps", "minutes"), [(3, None), (None, 1)])
def test_progress_is_quiet_without_a_terminal(
    run_callbacks, made_validator, clock, capsys, steps, minutes
):
    budget = Budget(0.1, steps, minutes)
    validator = made_validator(budget, 3)

    def half_a_minute(number):
        clock.now += 30

    run_callbacks([budget, validator, Progress(budget, validator)], 9, half_a_minute)
    assert capsys.readouterr() == ("", "")


def test_progress_counts_to_its_total_on_a_terminal(
    run_callbacks, made_validator, monkeypatch, capsys
):
    tqdm = progress.tqdm.tqdm
    monkeypatch.setattr(
        progress.tqdm, "tqdm", lambda **settings: tqdm(**settings | {"disable": False})
    )
    budget = Budget(0.1, 3, None)
    validator = made_validator(budget, 1)
    run_callbacks([budget, validator, Progress(budget, validator)], 9)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "loss=1.0000" in shown
