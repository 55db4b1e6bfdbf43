import keras
import numpy as np
import pytest

from keras_unet import blocks


def encoder(**settings):
    settings = {"padding": "valid", "batch_norm": False} | settings
    image = keras.Input((12, 14, 3))
    outputs = blocks.encoder_stage(image, 5, name="encoder_0", **settings)
    return keras.Model(image, list(outputs))


def decoder(padding, skip_size=(20, 24), level=0, depth=1):
    features, skip = keras.Input((6, 8, 8)), keras.Input((*skip_size, 4))
    outputs = blocks.decoder_stage(
        features,
        skip,
        4,
        level=level,
        depth=depth,
        padding=padding,
        batch_norm=False,
    )
    return keras.Model([features, skip], outputs)


def test_an_encoder_stage_without_padding_loses_4_pixels_and_halves():
    pooled, skip = encoder()(np.zeros((2, 12, 14, 3), "float32"))
    assert tuple(skip.shape) == (2, 8, 10, 5)
    assert tuple(pooled.shape) == (2, 4, 5, 5)


def test_a_padded_encoder_stage_keeps_the_size_and_halves():
    pooled, skip = encoder(padding="same")(np.zeros((2, 12, 14, 3), "float32"))
    assert tuple(skip.shape) == (2, 12, 14, 5)
    assert tuple(pooled.shape) == (2, 6, 7, 5)


def test_pooling_takes_the_largest_of_each_2_by_2_square():
    pooled, skip = (
        np.asarray(output)
        for output in encoder()(np.random.default_rng(0).normal(size=(1, 12, 14, 3)))
    )
    by_hand = skip.reshape(1, 4, 2, 5, 2, 5).max(axis=(2, 4))
    np.testing.assert_array_equal(pooled, by_hand)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_each_convolution_is_followed_by_normalisation_if_any_and_relu(batch_norm):
    names = [layer.name for layer in encoder(batch_norm=batch_norm).layers[1:]]
    norm = ["encoder_0_norm_{}"] if batch_norm else []
    parts = ["encoder_0_conv_{}", *norm, "encoder_0_relu_{}"]
    expected = [part.format(index) for index in (0, 1) for part in parts]
    assert names == [*expected, "encoder_0_pool"]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_convolution_has_a_bias_only_without_normalisation(batch_norm):
    model = encoder(batch_norm=batch_norm)
    for index in (0, 1):
        assert model.get_layer(f"encoder_0_conv_{index}").use_bias is not batch_norm


def test_dropout_acts_on_the_pooled_features_and_on_the_skip():
    keras.utils.set_random_seed(0)
    model = encoder(dropout=0.5)
    names = [layer.name for layer in model.layers]
    assert names[-3:] == ["encoder_0_relu_1", "encoder_0_dropout", "encoder_0_pool"]
    image = np.random.default_rng(0).normal(size=(1, 12, 14, 3)).astype("float32")
    calm, dropped = model(image)[1], model(image, training=True)[1]
    alive = np.asarray(calm) > 0
    share = np.mean(np.asarray(dropped)[alive] == 0)
    assert 0.35 < share < 0.65
    kept = alive & (np.asarray(dropped) > 0)
    np.testing.assert_allclose(
        np.asarray(dropped)[kept], 2 * np.asarray(calm)[kept], rtol=1e-5
    )


# Keras reads its variables in a way that NumPy 2 asks it to change.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_two_convolutions_of_one_shape_start_from_different_numbers():
    image = keras.Input((8, 8, 5))
    features = blocks.conv_block(
        image, 5, padding="same", batch_norm=False, name="block"
    )
    model = keras.Model(image, features)
    first, second = (
        model.get_layer(f"block_conv_{i}").get_weights()[0] for i in (0, 1)
    )
    assert not np.array_equal(first, second)


def test_a_decoder_stage_without_padding_doubles_and_loses_4_pixels():
    model = decoder("valid")  # 12x16 up-convolved, the skip cut by 4 a side
    assert tuple(model.output.shape) == (None, 8, 12, 4)
    join = model.get_layer("decoder_0_join").output
    assert tuple(join.shape) == (None, 12, 16, 8)


def test_a_padded_decoder_stage_doubles_and_crops_nothing():
    model = decoder("same", skip_size=(12, 16))
    assert tuple(model.output.shape) == (None, 12, 16, 4)
    assert "decoder_0_crop" not in [layer.name for layer in model.layers]


def test_the_centre_of_the_skip_comes_first_in_the_join():
    whole = decoder("valid")
    model = keras.Model(whole.input, whole.get_layer("decoder_0_join").output)
    skip = np.random.default_rng(0).normal(size=(1, 20, 24, 4)).astype("float32")
    joined = np.asarray(model([np.zeros((1, 6, 8, 8), "float32"), skip]))
    np.testing.assert_array_equal(joined[..., :4], skip[:, 4:-4, 4:-4])
    np.testing.assert_array_equal(joined[..., 4:], 0)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_an_up_convolution_puts_each_pixel_into_a_square_of_its_own():
    layer = decoder("valid").get_layer("decoder_0_upsample")
    features = np.random.default_rng(0).normal(size=(1, 6, 8, 8)).astype("float32")
    kernel, bias = layer.get_weights()  # (row, column, channels out, channels in)
    by_hand = np.einsum("bhwi,rcoi->bhrwco", features, kernel).reshape(1, 12, 16, 4)
    np.testing.assert_allclose(np.asarray(layer(features)), by_hand + bias, atol=1e-5)
