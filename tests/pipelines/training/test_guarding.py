import keras
import numpy as np
import pytest

from pipelines import fit
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


def test_weights_that_are_given_are_not_advised(caplog):
    guard = ValidationGuard(["background", "nucleus"], is_weighted=True)
    for _ in range(2):
        guard.look_at(result(RARE_NEVER))
    assert "nucleus is never predicted" in caplog.text
    assert "--rare-share" in caplog.text and "--class-weights" not in caplog.text


def test_an_output_that_is_the_same_everywhere_is_said_once(said):
    (message,) = said([result(RARE_NEVER, spread=1e-4)] * 3)
    assert "The output is the same for every pixel" in message


def test_the_first_validation_may_know_one_class_only(said):
    assert said([result(RARE_NEVER, spread=0.0), result(BOTH)]) == []


def test_masks_of_one_class_may_be_predicted_as_one_value(said):
    empty = result(np.array([[100, 0], [0, 0]]), spread=1e-4)
    assert said([empty] * 3) == []


def test_the_only_validation_is_looked_at(caplog):
    guard = ValidationGuard(["background", "cell"])
    guard.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    guard.model.stop_training = True
    guard.look_at(result(RARE_NEVER, spread=0.0))
    assert "The output is the same for every pixel" in caplog.text


# What `fit` says of trainings that really go wrong.


@pytest.fixture
def warnings_of_fit(fit_config, write_pair, folders, tmp_path, caplog):
    def train(images, masks, **changes):
        for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
            write_pair(f"{number}.png", mask, image)
        fit(fit_config(tmp_path / "run", **folders, **changes))
        return [
            record.getMessage()
            for record in caplog.records
            if record.name == "keras_unet.guard"
        ]

    return train


@pytest.fixture
def noise(random):
    """Images that show two halves of their values, and the masks of the brighter."""
    images = random.integers(0, 256, (5, 40, 56)).astype(np.uint8)
    return images, (images > 128).astype(np.uint8)


def test_a_training_that_explodes_is_told_and_so_is_what_is_left(
    warnings_of_fit, noise
):
    images, masks = noise
    # At this rate every unit dies, and the output is one value.
    optimizer = "keras.optimizers:Adam:learning_rate=1"
    settings = {"optimizer": optimizer, "batch_norm": False, "steps": 12}
    settings |= {"depth": 1, "base_filters": 2}
    exploding, constant = warnings_of_fit(images, masks * 255, **settings)
    assert exploding.startswith("The loss has risen from ")
    assert "gradients explode. Lower learning_rate" in exploding
    assert constant.startswith("The output is the same for every pixel")


def test_a_class_that_nothing_shows_is_never_predicted(warnings_of_fit, noise):
    images, masks = noise
    masks[:, ::20, ::20] = 2
    settings = {"depth": 1, "batch_norm": False, "learning_rate": 0.02, "steps": 30}
    (message,) = warnings_of_fit(
        images, masks, mask_kind="classes", rare_share=0, **settings
    )
    assert message.startswith("class 2 is never predicted, though 0.268 %")
    assert "it is too rare for the loss" in message
