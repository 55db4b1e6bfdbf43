import keras
import numpy as np
import pytest

import keras_unet
from pipelines.training import training_state
from pipelines.training.optimizer_state import build_optimizer


def trained(optimizer, steps, batches, dropout=0.3, model=None):
    """Returns a net after some steps; what is drawn depends on nothing outside."""
    if model is None:
        keras.utils.set_random_seed(4)
        model = keras_unet.build_unet(
            base_filters=2, depth=1, dropout=dropout, activation=None
        )
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(optimizer(), loss)
    for image, mask in batches[:steps]:
        model.train_on_batch(image, mask)
    return model


@pytest.fixture
def batches(random):
    images = random.normal(size=(4, 2, 8, 8, 1)).astype(np.float32)
    return [(image, (image > 0).astype(np.float32)) for image in images]


OPTIMIZERS = [
    lambda: keras.optimizers.Adam(0.01),
    lambda: keras.optimizers.SGD(0.01, momentum=0.9),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["Adam", "momentum"])
def test_a_net_goes_on_as_if_it_had_not_stopped(batches, optimizer):
    straight = trained(optimizer, 2, batches)
    taken = training_state.take(straight)
    trained(optimizer, 2, batches[2:], model=straight)
    # Another net, other dropout steps: all of it comes from what was taken.
    keras.utils.set_random_seed(5)
    other = trained(optimizer, 0, batches)
    training_state.put_back(other, taken)
    trained(optimizer, 2, batches[2:], model=other)
    for one, two in zip(straight.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-7)


def test_what_was_taken_does_not_change_with_the_training(batches):
    model = trained(OPTIMIZERS[0], 1, batches)
    taken = training_state.take(model)
    before = [array.copy() for array in taken["weights"]]
    trained(OPTIMIZERS[0], 2, batches, model=model)
    for array, kept in zip(taken["weights"], before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_numbers_of_another_net_are_refused(batches):
    taken = training_state.take(trained(OPTIMIZERS[0], 0, batches))
    del taken["weights"][-1]
    with pytest.raises(ValueError, match="other weights .* fit anew"):
        training_state.put_back(trained(OPTIMIZERS[0], 0, batches), taken)


def test_numbers_of_another_optimizer_are_refused(batches):
    other = trained(OPTIMIZERS[1], 0, batches)
    build_optimizer(other.optimizer, other)
    taken = training_state.take(other)
    with pytest.raises(ValueError, match="other optimizer"):
        training_state.put_back(trained(OPTIMIZERS[0], 0, batches), taken)
