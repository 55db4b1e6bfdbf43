import keras
import numpy as np
import pytest

from pipelines.training.averaging import WeightAverage


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    model.set_weights([np.full(weight.shape, 7.0) for weight in model.get_weights()])
    return model


def average_over(model, share, values):
    average = begun(model, share)
    step_through(model, average, values)
    return average


def begun(model, share):
    average = WeightAverage(share)
    average.set_model(model)
    average.on_train_begin()
    return average


def step_through(model, average, values):
    for value in values:
        model.set_weights([np.full(w.shape, value) for w in model.get_weights()])
        average.on_train_batch_end(0)


def assert_all(weights, expected):
    for weight in weights:
        np.testing.assert_allclose(weight, expected, rtol=1e-6)


def test_a_share_of_1_is_the_mean_over_all_steps(model):
    # Gamma, beta, moving mean and moving variance; the 7 from before counts nothing.
    average = average_over(model, 1.0, [1.0, 2.0, 6.0])
    assert len(average.weights()) == 4
    assert_all(average.weights(), 3.0)


def test_a_share_of_0_is_the_last_step(model):
    average = average_over(model, 0.0, [1.0, 2.0, 6.0])
    assert_all(average.weights(), 6.0)
    assert average.take() == []


def test_later_steps_weigh_more_at_a_share_between(model):
    # After 1, 2 and 3 steps the parts are 1, 1 / 1.5 and 1 / 2.
    average = average_over(model, 0.5, [3.0, 6.0, 9.0])
    assert_all(average.weights(), ((3 + (6 - 3) / 1.5) + 9) / 2)


def test_a_tenth_remembers_about_the_last_tenth(model):
    values = np.arange(400, dtype=float)
    average = average_over(model, 0.1, values)
    # The weights of steps fall as (step / 400) ** 9: their mean age is 400 / 11.
    for weight in average.weights():
        np.testing.assert_allclose(weight, 399 - 400 / 11, atol=2)


def test_it_goes_on_where_it_was(model):
    whole = average_over(model, 0.1, [1.0, 5.0, 2.0, 8.0])
    first = average_over(model, 0.1, [1.0, 5.0])
    second = WeightAverage(0.1)
    second.put_back(2, first.take())
    second.set_model(model)
    second.on_train_begin()
    step_through(model, second, [2.0, 8.0])
    for found, expected in zip(second.weights(), whole.weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
