import keras
import numpy as np
import pytest

import keras_unet
from pipelines.inference import fold_batch_norm, policy


def norms(model):
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("variant", "side"), [("padded", 16), ("padded", 40), ("paper", 44)]
)
def test_the_folded_net_computes_the_same_logits(random, random_net, variant, side):
    model = random_net("padded", 2, 3, 2, 3)
    if variant == "paper":
        keras.utils.set_random_seed(0)
        model = keras_unet.build_unet(
            "paper",
            (None, None, 3),
            base_filters=3,
            depth=2,
            batch_norm=True,
            activation=None,
        )
    folded, was_folded = fold_batch_norm(model)
    assert was_folded
    assert norms(model)
    assert not norms(folded)
    image = random.normal(size=(2, side, side, 3)).astype(np.float32)
    expected = model(image, training=False)
    np.testing.assert_allclose(
        folded(image, training=False), expected, rtol=1e-5, atol=1e-5
    )


def test_a_convolution_and_its_normalisation_are_folded_as_worked_out_by_hand():
    model = keras_unet.build_unet(
        input_shape=(None, None, 1), base_filters=1, depth=1, activation=None
    )
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 1] = 3
    model.get_layer("encoder_0_conv_0").set_weights([kernel])
    norm = model.get_layer("encoder_0_norm_0")
    # Scale, shift, mean, variance; epsilon is 0.001.
    norm.set_weights([np.array([x]) for x in (2.0, 5.0, 7.0, 15.999)])
    folded, _ = fold_batch_norm(model)
    kernel, bias = folded.get_layer("encoder_0_conv_0").get_weights()
    # 2 / sqrt(16) is a half: 3 / 2, and 5 - 7 / 2.
    np.testing.assert_allclose(kernel[1, 1], 1.5, rtol=1e-6)
    np.testing.assert_allclose(bias, 1.5, rtol=1e-6)


def test_a_net_without_normalisation_only_loses_its_dropout(random, random_net):
    model = random_net("paper")
    folded, was_folded = fold_batch_norm(model)
    assert not was_folded
    assert not any("dropout" in layer.name for layer in folded.layers)
    image = random.normal(size=(1, 20, 24, 1)).astype(np.float32)
    expected = model(image, training=False)
    np.testing.assert_allclose(folded(image, training=False), expected, atol=1e-6)


def test_the_folded_net_computes_in_float32_under_any_policy(random_net):
    model = random_net("padded")
    with policy("bfloat16"):
        folded, _ = fold_batch_norm(model)
    assert {layer.compute_dtype for layer in folded.layers} == {"float32"}
