import numpy as np
import pytest

from pipelines.inference.inference_precision import (
    BFLOAT16_MEAN_TOLERANCE,
    BFLOAT16_TOLERANCE,
    in_precision,
    inference_net,
)
from pipelines.overlap_tile import Net


def test_float32_is_the_model_itself(random_net):
    model = random_net("padded", 2)
    assert in_precision(model, "float32") is model


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_bfloat16_differs_by_less_than_is_stated(random_net, random, variant):
    model = random_net(variant, 2, base_filters=8)
    cast = inference_net(model, "bfloat16")
    assert not any("norm" in layer.name for layer in cast.layers)
    assert cast.get_layer("encoder_0_conv_0").compute_dtype == "bfloat16"
    assert cast.get_layer("logits").compute_dtype == "float32"
    image = random.normal(0, 1, (90, 70, 1)).astype(np.float32)
    expected = Net(model).probability(image)
    found = Net(cast).probability(image)
    assert found.dtype == np.float32
    difference = np.abs(found - expected)
    assert 0 < difference.max() <= BFLOAT16_TOLERANCE
    assert difference.mean() <= BFLOAT16_MEAN_TOLERANCE


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_tiles_equal_one_pass_in_bfloat16_too(random_net, random, variant):
    net = Net(inference_net(random_net(variant, 2, base_filters=8), "bfloat16"))
    image = random.normal(0, 1, (90, 70, 1)).astype(np.float32)
    whole, tiled = net.probability(image), net.probability(image, largest_core=16)
    # A rounding of bfloat16 is 1 in 256; sums in another order may meet one.
    np.testing.assert_allclose(tiled, whole, atol=BFLOAT16_TOLERANCE)
    assert np.mean(np.abs(tiled - whole) > 1e-5) < 0.05
