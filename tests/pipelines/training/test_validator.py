import csv
import math

import keras
import numpy as np
import pytest

from pipelines.training.budget import Budget
from pipelines.training.validator import COLUMNS, Validator
from pipelines.validation import Picture, Validation


def validation(loss=0.5):
    return Validation(loss, 0.4, np.array([[6, 1], [1, 2]]), [])


@pytest.fixture
def made_validator(tmp_path):
    def make(
        budget, validations, validate=validation, on_best=lambda *_: None, **settings
    ):
        return Validator(budget, validations, validate, on_best, tmp_path, **settings)

    return make


@pytest.mark.parametrize(
    ("steps", "validations", "at"),
    [
        (10, 5, [2, 4, 6, 8, 10]),
        (10, 1, [10]),
        (7, 3, [3, 5, 7]),
        # No more than one after each step.
        (2, 10, [1, 2]),
        (1, 1, [1]),
    ],
)
def test_validations_are_spread_evenly_and_the_last_is_at_the_end(
    run_callbacks, made_validator, steps, validations, at
):
    budget = Budget(0.1, steps, None)
    validator = made_validator(budget, validations)
    run_callbacks([budget, validator], 100)
    assert [row["step"] for row in validator.history] == at


def test_the_last_validation_of_a_time_budget_comes_after_the_last_step(
    run_callbacks, made_validator, clock
):
    budget = Budget(0.1, None, 1)

    class Slow(keras.callbacks.Callback):
        """Time passes between what the two others see."""

        def on_train_batch_end(self, batch, logs=None):
            clock.now += 20

    validator = made_validator(budget, 4)
    run_callbacks([budget, Slow(), validator], 100)
    assert budget.step == validator.history[-1]["step"]
    assert len(validator.history) <= 4


@pytest.fixture
def timed(run_callbacks, made_validator, clock):
    """Trains for ten minutes, a second a step; returns the steps of validations."""

    def run(seconds_of_a_validation, **settings):
        budget = Budget(0.1, None, 10)

        def slow():
            clock.now += seconds_of_a_validation
            return validation()

        def one_second(number):
            clock.now += 1

        validator = made_validator(budget, 10, slow, **settings)
        run_callbacks([budget, validator], 1000, one_second)
        return [row["step"] for row in validator.history]

    return run


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [
        # Short ones are made at each tenth of the 600 seconds: at 60, 120, ...
        (3, [60, 117, 174, 231, 288, 345, 402, 459, 516, 573]),
        # Each is to be a fifth of the time so far at most, itself included: 50 of
        # 60 + 50 would be more; after 200 steps it is 50 of 250.
        (50, [200, 400, 500]),
        # It would not end before the 600 seconds do.
        (200, [600]),
    ],
)
def test_validations_take_a_fifth_of_the_minutes_at_most(timed, seconds, steps, caplog):
    # A step of a second sees as many pixels as a second of validation.
    assert timed(seconds, steps_of_one=seconds) == steps
    said = caplog.text.count(f"A validation takes up to {seconds} seconds")
    assert said == (seconds > 3)


def test_a_first_validation_that_took_longer_than_expected_is_made_up_for(timed):
    # 60 seconds of training and 100 of validation; the next, of 100, is to be within a
    # fifth of the time: at 900 seconds. So it is the last, at the end.
    assert timed(100, steps_of_one=1) == [60, 500]


def test_with_a_number_of_steps_validations_do_not_depend_on_time(
    run_callbacks, made_validator, clock
):
    budget = Budget(0.1, 10, None)

    def slow():
        clock.now += 100
        return validation()

    validator = made_validator(budget, 5, slow)
    run_callbacks([budget, validator], 100)
    assert [row["step"] for row in validator.history] == [2, 4, 6, 8, 10]


def test_the_model_with_the_lowest_loss_is_the_best(run_callbacks, made_validator):
    losses = iter([0.9, math.nan, 0.5, 0.7, 0.4])
    best = []
    budget = Budget(0.1, 5, None)
    validator = made_validator(
        budget,
        5,
        lambda: validation(next(losses)),
        lambda step, result: best.append((step, result.loss)),
    )
    run_callbacks([budget, validator], 100)
    assert best == [(1, 0.9), (3, 0.5), (5, 0.4)]
    assert validator.best.loss == 0.4


def test_a_loss_that_is_no_number_is_never_the_best(run_callbacks, made_validator):
    losses = iter([math.nan, 0.8])
    budget = Budget(0.1, 2, None)
    validator = made_validator(budget, 2, lambda: validation(next(losses)))
    run_callbacks([budget, validator], 100)
    assert validator.best.loss == 0.8


def test_each_validation_is_a_row_of_the_history(
    run_callbacks, made_validator, tmp_path
):
    budget = Budget(0.1, 4, None)
    validator = made_validator(budget, 2)
    run_callbacks([budget, validator], 100, loss=0.75)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["step"]) for row in rows] == [2, 4]
    assert float(rows[0]["loss"]) == 0.75
    # Rows of confusion 6 1 and 1 2: IoU 6/8 and 2/4, error 2/10.
    assert float(rows[0]["val_mean_iou"]) == pytest.approx(0.625)
    assert float(rows[0]["val_pixel_error"]) == pytest.approx(0.2)
    assert float(rows[0]["learning_rate"]) == pytest.approx(0.1 * 0.5**0.9)


def test_tensorboard_finds_scalars_and_pictures(
    run_callbacks, made_validator, tmp_path
):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is not installed",
    )
    shown = Picture(
        "a <b> & c:3",
        np.zeros((4, 4, 1)),
        np.eye(4, dtype=np.uint8),
        np.eye(4, dtype=np.uint8),
    )
    result = Validation(0.5, 0.4, np.array([[6, 1], [1, 2]]), [shown])
    budget = Budget(0.1, 2, None)
    run_callbacks([budget, made_validator(budget, 2, lambda: result)], 100)
    events = event_accumulator.EventAccumulator(
        str(tmp_path / "logs"), size_guidance={"tensors": 0}
    )
    events.Reload()
    tags = events.Tags()["tensors"]
    assert set(COLUMNS[2:]) <= set(tags)
    assert "a <b> & c:3" in tags
    assert [event.step for event in events.Tensors("val_loss")] == [1, 2]
    width, height, png = events.Tensors("a <b> & c:3")[0].tensor_proto.string_val
    assert (width, height) == (b"28", b"4")
    assert png.startswith(b"\x89PNG")
