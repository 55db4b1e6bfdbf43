import csv
import math

import keras
import numpy as np
import pytest

from pipelines import callbacks
from pipelines.callbacks import Budget, Progress, Validator
from pipelines.validation import Picture, Validation


class Clock:
    """Stands in for time.monotonic and moves when told to."""

    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(callbacks.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.stop_training = False
    return model


def validation(loss=0.5):
    return Validation(loss, 0.4, np.array([[6, 1], [1, 2]]), [])


def run(model, parts, steps, before_step=lambda number: None, loss=1.0):
    """Calls the callbacks as a training of at most `steps` steps does."""
    model.stop_training = False
    for part in parts:
        part.set_model(model)
        part.on_train_begin()
    rates = []
    for number in range(steps):
        before_step(number)
        for part in parts:
            part.on_train_batch_begin(number)
        rates.append(float(np.asarray(model.optimizer.learning_rate)))
        for part in parts:
            part.on_train_batch_end(number, {"loss": loss})
        if model.stop_training:
            break
    for part in parts:
        part.on_train_end()
    return rates


def test_a_budget_of_steps_ends_after_exactly_that_many(model):
    budget = Budget(0.1, 7, None)
    assert len(run(model, [budget], 100)) == 7
    assert budget.step == 7
    assert budget.used == 1


def test_the_rate_falls_as_the_poly_schedule_says_to_about_0(model):
    rates = run(model, [Budget(0.1, 10, None)], 100)
    expected = [0.1 * (1 - step / 10) ** 0.9 for step in range(10)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    rates = run(model, [Budget(0.1, 1000, None)], 1000)
    assert rates[-1] < 0.1 * 0.003


def test_a_budget_of_minutes_ends_with_the_step_that_passes_it(model, clock):
    budget = Budget(0.1, None, 0.5)

    def ten_seconds(number):
        clock.now += 10

    rates = run(model, [budget], 100, ten_seconds)
    assert budget.step == 3
    # At 10, 20 and 30 of 30 seconds; the last still learns a little.
    expected = [0.1 * share**0.9 for share in (2 / 3, 1 / 3, 1e-3)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_the_clock_starts_with_the_training(model, clock):
    budget = Budget(0.1, None, 1)
    clock.now += 1000
    budget.set_model(model)
    budget.on_train_begin()
    assert budget.used == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_diverged_training_is_an_error_that_names_the_rate(model, loss):
    with pytest.raises(ValueError, match=f"loss is {loss} after 1 steps.*0.25"):
        run(model, [Budget(0.25, 10, None)], 10, loss=loss)


@pytest.fixture
def made_validator(tmp_path):
    def make(budget, validations, validate=validation, on_best=lambda *_: None):
        return Validator(budget, validations, validate, on_best, tmp_path)

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
    model, made_validator, steps, validations, at
):
    budget = Budget(0.1, steps, None)
    validator = made_validator(budget, validations)
    run(model, [budget, validator], 100)
    assert [row["step"] for row in validator.history] == at


def test_the_last_validation_of_a_time_budget_comes_after_the_last_step(
    model, made_validator, clock
):
    budget = Budget(0.1, None, 1)

    class Slow(keras.callbacks.Callback):
        """Time passes between what the two others see."""

        def on_train_batch_end(self, batch, logs=None):
            clock.now += 20

    validator = made_validator(budget, 4)
    run(model, [budget, Slow(), validator], 100)
    assert budget.step == validator.history[-1]["step"]
    assert len(validator.history) <= 4


def test_the_model_with_the_lowest_loss_is_the_best(model, made_validator):
    losses = iter([0.9, math.nan, 0.5, 0.7, 0.4])
    best = []
    budget = Budget(0.1, 5, None)
    validator = made_validator(
        budget,
        5,
        lambda: validation(next(losses)),
        lambda step, result: best.append((step, result.loss)),
    )
    run(model, [budget, validator], 100)
    assert best == [(1, 0.9), (3, 0.5), (5, 0.4)]
    assert validator.best.loss == 0.4


def test_a_loss_that_is_no_number_is_never_the_best(model, made_validator):
    losses = iter([math.nan, 0.8])
    budget = Budget(0.1, 2, None)
    validator = made_validator(budget, 2, lambda: validation(next(losses)))
    run(model, [budget, validator], 100)
    assert validator.best.loss == 0.8


def test_each_validation_is_a_row_of_the_history(model, made_validator, tmp_path):
    budget = Budget(0.1, 4, None)
    validator = made_validator(budget, 2)
    run(model, [budget, validator], 100, loss=0.75)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == callbacks.COLUMNS
    assert [int(row["step"]) for row in rows] == [2, 4]
    assert float(rows[0]["loss"]) == 0.75
    # Rows of confusion 6 1 and 1 2: IoU 6/8 and 2/4, error 2/10.
    assert float(rows[0]["val_mean_iou"]) == pytest.approx(0.625)
    assert float(rows[0]["val_pixel_error"]) == pytest.approx(0.2)
    assert float(rows[0]["learning_rate"]) == pytest.approx(0.1 * 0.5**0.9)


def test_tensorboard_finds_scalars_and_pictures(model, made_validator, tmp_path):
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
    run(model, [budget, made_validator(budget, 2, lambda: result)], 100)
    events = event_accumulator.EventAccumulator(
        str(tmp_path / "logs"), size_guidance={"tensors": 0}
    )
    events.Reload()
    tags = events.Tags()["tensors"]
    assert set(callbacks.COLUMNS[2:]) <= set(tags)
    assert "a <b> & c:3" in tags
    assert [event.step for event in events.Tensors("val_loss")] == [1, 2]
    width, height, png = events.Tensors("a <b> & c:3")[0].tensor_proto.string_val
    assert (width, height) == (b"28", b"4")
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize(("steps", "minutes"), [(3, None), (None, 1)])
def test_progress_is_quiet_without_a_terminal(
    model, made_validator, clock, capsys, steps, minutes
):
    budget = Budget(0.1, steps, minutes)
    validator = made_validator(budget, 3)

    def half_a_minute(number):
        clock.now += 30

    run(model, [budget, validator, Progress(budget, validator)], 9, half_a_minute)
    assert capsys.readouterr() == ("", "")


def test_progress_counts_to_its_total_on_a_terminal(
    model, made_validator, monkeypatch, capsys
):
    tqdm = callbacks.tqdm.tqdm
    monkeypatch.setattr(
        callbacks.tqdm, "tqdm", lambda **settings: tqdm(**settings | {"disable": False})
    )
    budget = Budget(0.1, 3, None)
    validator = made_validator(budget, 1)
    run(model, [budget, validator, Progress(budget, validator)], 9)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "loss=1.0000" in shown
