import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_unet
from keras_unet.gradient_checkpointing import CheckpointedUNet


def trained(checkpointed, variant, policy, **settings):
    """Trains a small net for some steps; returns it with its losses."""
    keras.mixed_precision.set_global_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        model = keras_unet.build_unet(
            variant, (None, None, 1), 1, base_filters=4, depth=2, **settings
        )
        if checkpointed:
            model = CheckpointedUNet(model.input, model.output)
        model.compile("adam", "binary_crossentropy")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    random = np.random.default_rng(0)
    size, kept = (32, 32) if variant == "padded" else (44, 4)
    images = random.normal(size=(8, size, size, 1)).astype("float32")
    masks = random.integers(0, 2, (8, kept, kept, 1)).astype("float32")
    tiles = tf.data.Dataset.from_tensor_slices((images, masks)).batch(4)
    history = model.fit(tiles, epochs=3, shuffle=False, verbose=0)
    return model, history.history["loss"]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("variant", "settings"),
    [
        ("padded", {}),
        ("padded", {"dropout": 0.5}),
        ("paper", {"batch_norm": True}),
        ("paper", {"activation": None}),
    ],
)
def test_it_learns_the_same_to_the_last_bit(variant, settings, policy):
    plain, losses = trained(False, variant, policy, **settings)
    checkpointed, its_losses = trained(True, variant, policy, **settings)
    assert its_losses == losses
    names = [weight.name for weight in plain.weights]
    assert [weight.name for weight in checkpointed.weights] == names
    # The statistics of normalisation too, which are learned once a step.
    for one, other in zip(plain.get_weights(), checkpointed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_masks_of_dropout_are_counted_once(random):
    model, _ = trained(True, "paper", "float32")
    steps = {layer.step for layer in model.layers if "dropout" in layer.name}
    # Two batches in three epochs.
    assert steps == {6}


def test_it_is_saved_and_loaded_like_any_model(tmp_path, random):
    model, _ = trained(True, "padded", "float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    image = random.normal(size=(1, 32, 32, 1)).astype("float32")
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)
