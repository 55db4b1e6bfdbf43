import keras
import pytest

import keras_unet
from keras_unet import arguments_of

PADDED = {
    "variant": "padded",
    "input_shape": (None, 32, 3),
    "num_classes": 3,
    "base_filters": 2,
    "depth": 2,
    "batch_norm": False,
    "dropout": 0.25,
    "activation": None,
}
PAPER = {
    "variant": "paper",
    "input_shape": (44, 44, 1),
    "num_classes": 2,
    "base_filters": 3,
    "depth": 2,
    "batch_norm": True,
    "dropout": 0.0,
    "activation": "softmax",
}


@pytest.mark.parametrize("arguments", [PADDED, PAPER])
def test_a_net_tells_what_it_was_built_with(arguments, tmp_path):
    model = keras_unet.build_unet(**arguments)
    assert arguments_of(model) == arguments
    model.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    assert arguments_of(loaded) == arguments


def test_a_net_like_it_has_the_same_weights_in_shape():
    model = keras_unet.build_unet(base_filters=2, depth=1)
    again = keras_unet.build_unet(**arguments_of(model))
    again.set_weights(model.get_weights())
    assert arguments_of(model)["activation"] == "sigmoid"


def test_another_model_is_refused():
    image = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="other was not made by keras_unet.build_unet"):
        arguments_of(keras.Model(image, image, name="other"))
    with pytest.raises(ValueError, match="model must be a Keras model .* got 'runs/a'"):
        arguments_of("runs/a")
