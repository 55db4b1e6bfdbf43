import math

import numpy as np
import pytest

from pipelines.training.budget import Budget


def test_a_budget_of_steps_ends_after_exactly_that_many(run_callbacks):
    budget = Budget(0.1, 7, None)
    assert len(run_callbacks([budget], 100)) == 7
    assert budget.step == 7
    assert budget.used == 1


def test_the_rate_falls_as_the_poly_schedule_says_to_about_0(run_callbacks):
    rates = run_callbacks([Budget(0.1, 10, None)], 100)
    expected = [0.1 * (1 - step / 10) ** 0.9 for step in range(10)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    rates = run_callbacks([Budget(0.1, 1000, None)], 1000)
    assert rates[-1] < 0.1 * 0.003


def test_without_decay_the_rate_stays(run_callbacks):
    rates = run_callbacks([Budget(0.1, 10, None, decay=0)], 100)
    np.testing.assert_allclose(rates, [0.1] * 10, rtol=1e-5)


def test_a_budget_of_minutes_ends_with_the_step_that_passes_it(run_callbacks, clock):
    budget = Budget(0.1, None, 0.5)

    def ten_seconds(number):
        clock.now += 10

    rates = run_callbacks([budget], 100, ten_seconds)
    assert budget.step == 3
    # At 10, 20 and 30 of 30 seconds; the last still learns a little.
    expected = [0.1 * share**0.9 for share in (2 / 3, 1 / 3, 1e-3)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_the_clock_starts_with_the_training(run_callbacks, clock):
    budget = Budget(0.1, None, 1)
    clock.now += 1000
    run_callbacks([budget], 0)
    assert budget.used == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_diverged_training_is_an_error_that_names_the_rate(run_callbacks, loss):
    with pytest.raises(ValueError, match=f"loss is {loss} after 1 steps.*0.25"):
        run_callbacks([Budget(0.25, 10, None)], 10, loss=loss)


def test_the_mean_loss_is_that_of_the_steps_since_it_was_forgotten(run_callbacks):
    budget = Budget(0.1, 100, None)
    run_callbacks([budget], 3, loss=2.0)
    run_callbacks([budget], 1, loss=6.0)
    assert budget.mean_loss == 3.0
    budget.forget_losses()
    run_callbacks([budget], 2, loss=5.0)
    assert budget.mean_loss == 5.0


def test_a_budget_goes_on_where_it_was(run_callbacks, clock):
    def ten_seconds(number):
        clock.now += 10

    first = Budget(0.1, None, 1)
    run_callbacks([first], 2, ten_seconds, loss=4.0)
    kept = first.progress()
    # The time between is no time of training.
    clock.now += 1000
    second = Budget(0.1, None, 1)
    second.go_on(kept)
    assert (second.step, second.mean_loss) == (2, 4.0)
    rates = run_callbacks([second], 100, ten_seconds)
    assert second.step == 6
    np.testing.assert_allclose(rates[0], 0.1 * 0.5**0.9, rtol=1e-5)
