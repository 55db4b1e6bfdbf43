import keras
import numpy as np
import pytest

from pipelines.training.guarding import ValidationGuard
from pipelines.validation import Validation

RARE_NEVER = np.array([[90, 0], [10, 0]])
BOTH = np.array([[80, 10], [5, 5]])


@pytest.fixture
def said(caplog):
    def look(results):
        guard = ValidationGuard(["background", "nucleus"])
        for result in results:
            guard.look_at(result)
        return [record.getMessage() for record in caplog.records]

    return look


def result(confusion, spread=0.5):
    return Validation(0.3, 0.5, confusion, [], spread=spread)


def test_a_class_that_is_never_predicted_is_named_with_what_to_do(said):
    (message,) = said([result(RARE_NEVER)] * 3)
    assert "nucleus is never predicted, though 10 % of the mask pixels" in message
    assert "--class-weights" in message and "--rare-share" in message


def test_an_output_that_is_the_same_everywhere_is_said_once(said):
    (message,) = said([result(RARE_NEVER, spread=1e-4)] * 3)
    assert "The output is the same for every pixel" in message


def test_the_first_validation_may_know_one_class_only(said):
    assert said([result(RARE_NEVER, spread=0.0), result(BOTH)]) == []


def test_the_only_validation_is_looked_at(caplog):
    guard = ValidationGuard(["background", "cell"])
    guard.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    guard.model.stop_training = True
    guard.look_at(result(RARE_NEVER, spread=0.0))
    assert "The output is the same for every pixel" in caplog.text
