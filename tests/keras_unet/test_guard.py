import keras
import numpy as np
import pytest

import keras_unet
from keras_unet.guard import TrainingGuard


@pytest.fixture
def discs(random):
    """Bright squares on dark ground, and their masks."""
    masks = np.zeros((4, 16, 16, 1), np.float32)
    for number, mask in enumerate(masks):
        mask[2 + number : 9 + number, 4:11] = 1
    return masks + random.normal(0, 0.1, masks.shape).astype("float32"), masks


@pytest.fixture
def warnings_of(caplog):
    # Step by step: to trace a training takes seconds, and the guard sees the same.
    def train(images, masks, *, guard=None, steps=4, learning_rate=1e-3, **settings):
        activation = settings.pop("activation", "sigmoid")
        model = keras_unet.build_unet(base_filters=2, depth=1, activation=activation)
        settings = {"loss": "binary_crossentropy", "run_eagerly": True} | settings
        model.compile(keras.optimizers.SGD(learning_rate), **settings)
        guard = guard or TrainingGuard()
        model.fit(images, masks, epochs=steps, callbacks=[guard], verbose=0)
        # TensorFlow warns, too: of functions that are traced again.
        return [
            record.getMessage()
            for record in caplog.records
            if record.name == "keras_unet.guard"
        ]

    return train


def test_a_training_that_goes_well_is_left_in_peace(discs, warnings_of):
    images, masks = discs
    # In a graph, as users train.
    settings = {"metrics": [keras_unet.metrics.Dice()], "run_eagerly": False}
    assert warnings_of(images, masks, guard=TrainingGuard(), **settings) == []


def test_masks_of_255_make_the_loss_negative(discs, warnings_of):
    images, masks = discs
    (message, *_) = warnings_of(images, masks * 255, learning_rate=0.1)
    assert message.startswith("loss is -")
    assert "0 and 255 must become 0 and 1" in message


def test_a_loss_that_may_be_negative_is_left_in_peace(caplog):
    TrainingGuard(signed_loss=True).on_train_batch_end(0, {"loss": -0.7})
    assert caplog.records == []
    TrainingGuard().on_train_batch_end(0, {"loss": -0.7})
    assert "loss is -0.7, below 0" in caplog.text and "signed_loss" in caplog.text


def test_a_share_above_1_is_not_a_share(discs, warnings_of):
    def dice(y_true, y_pred):
        return keras.losses.mean_absolute_error(y_true, y_pred * 0) * 8

    images, masks = discs
    (message,) = warnings_of(images, masks, metrics=[dice])
    assert message.startswith("dice is ") and "cannot be above 1" in message


def test_a_rising_loss_and_one_that_is_no_number_are_said_once_each(discs, warnings_of):
    images, masks = discs
    found = warnings_of(
        images * 100,
        masks,
        learning_rate=1e6,
        loss=keras.losses.MeanSquaredError(),
        activation=None,
        steps=8,
    )
    rising, broken = [one for one in found if "gradients explode" in one]
    assert rising.startswith("The loss has risen") and "Lower learning_rate" in rising
    assert broken.startswith("The loss is nan") and "lower learning_rate" in broken


def test_a_metric_of_several_values_is_looked_at(caplog):
    TrainingGuard().on_train_batch_end(0, {"iou": np.array([0.5, 1.5]), "loss": 1.0})
    assert "iou is 1.5, but cannot be above 1" in caplog.text


def test_a_class_of_most_pixels_is_not_called_rare(caplog):
    TrainingGuard().look_at_counts(np.array([997, 3]), np.array([0, 1000]))
    assert "class 0 is never predicted, though 99.7 % of" in caplog.text
    assert "rare for" not in caplog.text


def test_masks_beyond_the_classes_of_the_net_are_said(discs, warnings_of):
    images, masks = discs
    guard = TrainingGuard(images, masks * 255)
    found = warnings_of(images, masks, guard=guard, learning_rate=0.0)
    (message,) = [one for one in found if "y_true" in one]
    assert "y_true holds 255, but the net tells 2 classes apart" in message
    assert not any("never predicted" in one for one in found)


@pytest.mark.parametrize("ignored", [-1, 255])
def test_ignored_pixels_are_not_looked_at(discs, warnings_of, ignored):
    images, masks = discs
    y_true = masks.astype(int)
    y_true[:, :2] = ignored
    settings = {"learning_rate": 0.0}
    guard = TrainingGuard(images, y_true, ignore_class=ignored)
    assert not any("y_true" in one for one in warnings_of(images, masks, guard=guard))
    untold = TrainingGuard(images, y_true)
    found = warnings_of(images, masks, guard=untold, **settings)
    assert any(f"y_true holds {ignored}, but" in one for one in found)


def test_a_loss_as_a_metric_may_be_above_1(caplog):
    logs = {"binary_crossentropy_and_dice": 1.4, "dice_loss": 1.2, "loss": 1.4}
    TrainingGuard().on_train_batch_end(0, logs)
    assert caplog.records == []


def test_an_output_of_nan_is_not_taken_for_a_class(caplog):
    model = keras_unet.build_unet(base_filters=2, depth=1)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    guard = TrainingGuard(np.ones((1, 16, 16, 1)), np.ones((1, 16, 16, 1)))
    guard.set_model(model)
    guard.on_epoch_end(0)
    assert caplog.records == []


def test_a_loss_that_rises_tenfold_is_said_with_both_values(caplog):
    guard = TrainingGuard()
    for loss in [0.5] * 5 + [90.0] * 30:
        guard.on_train_batch_end(0, {"loss": loss})
    (record,) = caplog.records
    # 0.9 ** 20 of 89.5 less than 90.
    assert "risen from 0.5 to 79.1" in record.getMessage()


def test_one_unusual_step_at_the_start_of_an_epoch_is_no_jump(caplog):
    guard = TrainingGuard()
    for epoch in range(4):
        losses = np.full(40, 0.002)
        losses[0] = 0.25 if epoch == 2 else 0.002
        means = np.cumsum(losses) / np.arange(1, 41)
        for batch, mean in enumerate(means):
            guard.on_train_batch_end(batch, {"loss": mean})
    assert caplog.records == []


def test_an_explosion_late_in_an_epoch_is_told_soon(caplog):
    guard = TrainingGuard()
    losses = np.array([0.0] + [0.5] * 500 + [90.0] * 20)
    means = np.cumsum(losses) / np.arange(1, len(losses) + 1)
    for batch, mean in enumerate(means):
        guard.on_train_batch_end(batch, {"loss": mean})
    assert "risen from 0.5 to 79.1" in caplog.text


def test_what_is_validated_is_looked_at_too(caplog):
    guard = TrainingGuard()
    logs = {"loss": 0.5, "dice": 0.7, "val_loss": -3.0, "val_dice": 7.1}
    guard.on_epoch_end(0, logs)
    guard.on_epoch_end(1, logs)
    sign, share = [record.getMessage() for record in caplog.records]
    assert sign.startswith("val_loss is -3, below 0")
    assert share.startswith("val_dice is 7.1, but cannot be above 1")


def test_a_validation_loss_that_is_no_number_is_told(caplog):
    TrainingGuard().on_epoch_end(0, {"loss": 0.5, "val_loss": np.nan, "val_dice": 0.5})
    (record,) = caplog.records
    assert record.getMessage().startswith("val_loss is nan: gradients explode, or the")


def test_a_class_that_is_never_predicted_is_said(discs, warnings_of):
    images, masks = discs
    # A threshold that no probability of an untrained net reaches.
    guard = TrainingGuard(images, masks, threshold=1.0)
    (message,) = warnings_of(images, masks, guard=guard, learning_rate=0.0)
    # 4 squares of 7x7 on 4 images of 16x16.
    assert "class 1 is never predicted, though 19.1 % of the mask pixels" in message


def test_an_output_that_is_the_same_everywhere_is_said(discs, warnings_of):
    images, masks = discs
    guard = TrainingGuard(images * 0, masks)
    found = warnings_of(images * 0, masks, guard=guard, learning_rate=0.0)
    assert any("The output is the same for every pixel" in one for one in found)


def test_several_classes_are_told_apart_by_their_largest_logit(caplog, random):
    model = keras_unet.build_unet(
        base_filters=2, depth=1, num_classes=3, activation=None
    )
    head = model.layers[-1]
    # Class 1 has the largest logit everywhere.
    head.set_weights([head.get_weights()[0] * 0.01, np.array([0.0, 9.0, 0.0])])
    images = random.normal(size=(2, 16, 16, 1)).astype("float32") * 9
    y_true = random.integers(0, 3, (2, 16, 16, 1))
    guard = TrainingGuard(images, y_true)
    guard.set_model(model)
    guard.on_epoch_end(0)
    found = " ".join(record.getMessage() for record in caplog.records)
    assert "class 0 is never" in found and "class 2 is never" in found
    assert "class 1 is never" not in found


def test_images_without_masks_are_refused():
    with pytest.raises(ValueError, match="images and y_true go together; got only one"):
        TrainingGuard(np.zeros((1, 16, 16, 1)))


def test_samples_that_do_not_fit_are_said_once_and_end_no_training(discs, warnings_of):
    images, masks = discs
    cropped = TrainingGuard(images, masks[:, 2:-2, 2:-2])
    (message,) = warnings_of(images, masks, guard=cropped)
    assert "looks at loss and metrics alone" in message
    assert "(4, 12, 12, 1) and the output (4, 16, 16, 1)" in message


def test_an_error_on_the_samples_ends_no_training(discs, warnings_of):
    images, masks = discs
    # Of channels that the net does not take.
    coloured = TrainingGuard(np.repeat(images, 3, axis=-1), masks)
    (message,) = warnings_of(images, masks, guard=coloured)
    assert "cannot look at its samples" in message
