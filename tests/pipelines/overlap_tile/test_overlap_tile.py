import dataclasses
import functools

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

import keras_unet
from keras_unet import geometry
from pipelines.overlap_tile import tile_plan
from pipelines.overlap_tile.overlap_tile import Net

SIZES = strategies.integers(1, 100)

# A net is traced once, for images of every size.
cached_net = functools.cache(Net)


def whole(model, image, depth, variant):
    """One pass over the whole mirrored image; NumPy mirrors, and the net pads."""
    step, context = 2**depth, geometry.context(depth)
    # More than the padded net sees, with pixel 0 on its pooling grid; the paper net's
    # input begins exactly one context before pixel 0.
    before = context if variant == "paper" else (context // step + 2) * step
    pads, crops = [], []
    for size in image.shape[:2]:
        total = before + size + 2 * context
        while not geometry.is_legal_input_size(total, depth, variant):
            total += 1
        pads.append((before, total - before - size))
        first = 0 if variant == "paper" else before
        crops.append(slice(first, first + size))
    mirrored = np.pad(image, [*pads, (0, 0)], mode="reflect")
    return np.asarray(model(mirrored[np.newaxis]))[0][tuple(crops)]


@hypothesis.settings(max_examples=30)
@hypothesis.given(
    height=SIZES,
    width=SIZES,
    depth=strategies.integers(1, 3),
    variant=strategies.sampled_from(["padded", "paper"]),
    largest_core=strategies.sampled_from([8, 16, 31, 56, 512]),
)
@hypothesis.example(height=1, width=1, depth=3, variant="padded", largest_core=8)
@hypothesis.example(height=1, width=1, depth=3, variant="paper", largest_core=8)
@hypothesis.example(height=1, width=97, depth=2, variant="paper", largest_core=31)
@hypothesis.example(height=2, width=2, depth=3, variant="padded", largest_core=512)
def test_stitched_tiles_equal_one_pass_over_the_mirrored_image(
    random_net, height, width, depth, variant, largest_core
):
    model = random_net(variant, depth, num_classes=2)
    random = np.random.default_rng(seed=height * 1000 + width)
    image = random.normal(0, 1, (height, width, 1)).astype(np.float32)
    expected = whole(model, image, depth, variant)
    found = cached_net(model).logits(image, largest_core)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_the_full_depth_of_four_is_exact_too(random_net, random, variant):
    model = random_net(variant, depth=4, channels=3, num_classes=3)
    image = random.normal(0, 1, (70, 37, 3)).astype(np.float32)
    np.testing.assert_allclose(
        Net(model).logits(image, largest_core=32),
        whole(model, image, 4, variant),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_a_large_and_sure_net_is_exact_but_for_the_order_of_its_sums(
    random_net, random, variant
):
    model = random_net(variant, depth=4, base_filters=32)
    logits = model.get_layer("logits")
    # Standard deviations of logits are then about 5.
    logits.set_weights([4 * weights for weights in logits.get_weights()])
    image = random.normal(0, 1, (70, 90, 1)).astype(np.float32)
    expected = tf.sigmoid(whole(model, image, 4, variant))
    found = Net(model).probability(image, largest_core=48)
    np.testing.assert_allclose(found, expected, atol=5e-5)
    assert np.mean(np.abs(found - expected) > 1e-5) < 0.01


def changed_plan(monkeypatch, change):
    plan_side = geometry.plan_side
    monkeypatch.setattr(
        tile_plan.geometry,
        "plan_side",
        lambda *arguments: change(plan_side(*arguments)),
    )


def error_over_signal(model, random, depth, variant, size=100):
    image = random.normal(0, 1, (size, size, 1)).astype(np.float32)
    expected = whole(model, image, depth, variant)
    found = Net(model).logits(image, largest_core=32)
    return np.abs(found - expected).max() / expected.std()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_margin_one_step_smaller_would_show(random_net, random, monkeypatch, depth):
    step = 2**depth

    def narrower(side):
        return dataclasses.replace(
            side,
            before=side.before - step,
            crop=side.crop - step,
            input_size=side.input_size - 2 * step,
        )

    changed_plan(monkeypatch, narrower)
    model = random_net("padded", depth, base_filters=4)
    assert error_over_signal(model, random, depth, "padded") > 1e-3


@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_origins_off_the_pooling_grid_would_show(
    random_net, random, monkeypatch, variant
):
    # Half a step: the paper's own 388 leaves the grid of 16 by 4.
    def shifted(side):
        return dataclasses.replace(side, core=side.core - 2)

    changed_plan(monkeypatch, shifted)
    model = random_net(variant, 2, base_filters=4)
    assert error_over_signal(model, random, 2, variant, size=60) > 0.1


def test_one_tile_and_many_give_the_same(random_net, random):
    net = Net(random_net("padded", 2))
    image = random.normal(0, 1, (90, 61, 1)).astype(np.float32)
    np.testing.assert_allclose(
        net.logits(image, largest_core=8), net.logits(image), atol=1e-5
    )


def test_probabilities_are_those_of_the_logits(random_net, random):
    net = Net(random_net(num_classes=3))
    image = random.normal(0, 1, (9, 7, 1)).astype(np.float32)
    powers = np.exp(net.logits(image))
    np.testing.assert_allclose(
        net.probability(image), powers / powers.sum(axis=-1, keepdims=True), atol=1e-6
    )


def test_a_net_follows_the_training_of_its_model(random_net, random):
    model = keras.models.clone_model(random_net())
    net = Net(model)
    image = random.normal(0, 1, (8, 8, 1)).astype(np.float32)
    before = net.logits(image)
    model.set_weights([weight * 0.5 for weight in model.get_weights()])
    assert not np.allclose(before, net.logits(image))


def test_geometry_is_read_from_the_model(random_net):
    net = Net(random_net("padded", 2, channels=4, num_classes=5))
    assert (net.depth, net.variant) == (2, "padded")
    assert (net.channels, net.output_channels) == (4, 5)


def test_a_model_that_ends_in_probabilities_is_refused():
    model = keras_unet.build_unet(base_filters=2, depth=1, name="whole")
    with pytest.raises(ValueError, match="whole ends in probabilities, expected log"):
        Net(model)
    logits = keras.Model(model.input, model.get_layer("logits").output)
    assert Net(logits).output_channels == 1


def test_a_foreign_model_is_refused_by_name():
    image = keras.Input((8, 8, 1))
    output = keras.layers.Conv2D(1, 1)(image)
    with pytest.raises(ValueError, match="stranger .* keras_unet.build_unet"):
        Net(keras.Model(image, output, name="stranger"))


def test_a_core_smaller_than_the_pooling_grid_is_refused(random_net):
    with pytest.raises(ValueError, match="at least 8 pixels at depth 3, got 4"):
        Net(random_net("padded", 3)).logits(np.zeros((9, 9, 1)), largest_core=4)
