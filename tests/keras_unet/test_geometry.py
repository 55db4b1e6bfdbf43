import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_unet import build_unet, geometry

variants = st.sampled_from(["paper", "padded"])
depths = st.integers(1, 5)


@functools.cache
def free_model(variant, depth):
    return build_unet(variant, (None, None, 1), base_filters=1, depth=depth)


def output_by_walking(size, depth, variant):
    """Walks one side through the drawing; None where a map runs out or does not fit."""
    loss = 4 if variant == "paper" else 0
    skips = []
    for _ in range(depth):
        size -= loss
        if size < 1 or size % 2:
            return None
        skips.append(size)
        size //= 2
    size -= loss
    for skip in reversed(skips):
        size *= 2
        if size < 1 or size > skip or (skip - size) % 2:
            return None
        size -= loss
    return size if size >= 1 else None


@given(st.integers(-5, 2000), st.integers(1, 6), variants)
def test_legal_sizes_and_outputs_are_those_of_a_walk_through_the_net(size, depth, net):
    expected = output_by_walking(size, depth, net)
    assert geometry.is_legal_input_size(size, depth, net) == (expected is not None)
    if expected is not None:
        assert geometry.output_size(size, depth, net) == expected


@settings(max_examples=15)
@given(st.integers(0, 12), st.integers(0, 12), depths, variants)
def test_output_sizes_equal_those_of_built_models(
    height_steps, width_steps, depth, net
):
    least, step = geometry.least_input_size(depth, net), 2**depth
    height, width = least + height_steps * step, least + width_steps * step
    shape = free_model(net, depth).compute_output_shape((1, height, width, 1))
    assert tuple(shape)[1:3] == (
        geometry.output_size(height, depth, net),
        geometry.output_size(width, depth, net),
    )


@settings(max_examples=40)
@given(st.integers(1, 700), depths, variants)
def test_illegal_sizes_are_refused_by_geometry_and_by_built_models(size, depth, net):
    assume(not geometry.is_legal_input_size(size, depth, net))
    legal = geometry.least_input_size(depth, net)
    with pytest.raises(ValueError, match=f"size={size} "):
        geometry.output_size(size, depth, net)
    with pytest.raises(ValueError, match=f"height={size} "):
        build_unet(net, (size, legal, 1), base_filters=1, depth=depth)
    with pytest.raises(ValueError, match=f"width={size} "):
        free_model(net, depth)(tf.zeros((1, legal, size, 1)))


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_skip_crops_are_those_of_the_cropping_layers(depth):
    model = free_model("paper", depth)
    for level in range(depth):
        crop = geometry.skip_crop(level, depth)
        cropping = model.get_layer(f"decoder_{level}_crop").cropping
        assert cropping == ((crop, crop), (crop, crop))


def test_the_numbers_of_the_paper():
    assert geometry.output_size(572) == 388
    assert geometry.context() == 92
    assert [geometry.skip_crop(level) for level in (3, 2, 1, 0)] == [4, 16, 40, 88]
    assert geometry.least_input_size() == 188
    assert geometry.input_size_rule() == "16k + 60 (188, 204, 220, ...)"
    assert geometry.input_size_rule(4, "padded") == "16k (16, 32, 48, ...)"


@given(st.integers(-5, 2000), st.integers(1, 6), variants)
def test_nearest_sizes_are_legal_and_none_lies_between(size, depth, net):
    nearest = geometry.nearest_input_sizes(size, depth, net)
    assert all(geometry.is_legal_input_size(near, depth, net) for near in nearest)
    legal = [s for s in range(1, 4000) if geometry.is_legal_input_size(s, depth, net)]
    below = [s for s in legal if s <= size][-1:]
    above = [s for s in legal if s >= size][:1]
    assert sorted(nearest) == sorted({*below, *above})


def test_errors_name_the_side_the_value_and_the_way_out():
    with pytest.raises(ValueError, match=r"width=570 .*16k \+ 60.* 556 and 572\."):
        geometry.check_input_size("width", 570)
    with pytest.raises(ValueError, match=r"height=30 .*nearest: 16 and 32\."):
        geometry.check_input_size("height", 30, variant="padded")
    with pytest.raises(ValueError, match="1 to 6, got 7"):
        geometry.output_size(572, depth=7)
    with pytest.raises(ValueError, match="paper, padded, got 'papier'"):
        geometry.output_size(572, variant="papier")


@given(st.integers(2, 40), st.data())
def test_mirror_index_is_the_reflection_of_numpy(size, data):
    # NumPy 1 errs where it has to reflect more than once.
    before, after = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    expected = np.pad(np.arange(size), (before, after), mode="reflect")
    index = np.arange(-before, size + after)
    np.testing.assert_array_equal(geometry.mirror_index(index, size), expected)
    np.testing.assert_array_equal(
        geometry.mirror_index(tf.constant(index), tf.constant(size, tf.int64)), expected
    )


@given(st.integers(1, 12), st.integers(1, 60))
def test_mirror_index_goes_back_and_forth_at_any_distance(size, distance):
    there, back = list(range(size)), list(range(size - 2, 0, -1))
    one_period = there + back
    expected = [one_period[i % len(one_period)] for i in range(distance)]
    index = np.arange(distance)
    np.testing.assert_array_equal(geometry.mirror_index(index, size), expected)
    # Pixel 0 is its own mirror, so both directions look alike.
    np.testing.assert_array_equal(geometry.mirror_index(-index, size), expected)
    on_tensors = geometry.mirror_index(tf.constant(-index), tf.constant(size, tf.int64))
    np.testing.assert_array_equal(on_tensors, expected)


@given(st.integers(1, 3000), st.integers(0, 600), depths, variants)
def test_kept_cores_cover_the_side_and_pixels_agree_with_one_pass(
    size, more, depth, net
):
    largest_core, step = 2**depth + more, 2**depth
    side = geometry.plan_side(size, largest_core, depth, net)
    assert side.core <= largest_core
    # Every tile keeps a pixel of the image, and together they keep every one.
    assert (side.num_tiles - 1) * side.core < size <= side.num_tiles * side.core
    assert geometry.is_legal_input_size(side.input_size, depth, net)
    # The grid of the poolings stands still from tile to tile.
    assert side.core % step == 0
    # The core lies within the output, at the place that was read for it.
    output = geometry.output_size(side.input_size, depth, net)
    assert side.crop + side.core <= output
    lost = (side.input_size - output) // 2
    assert side.before == lost + side.crop
    # All that the net looks at was read.
    context = geometry.context(depth)
    assert side.before >= context
    assert side.input_size - side.before - side.core >= context


@given(st.integers(1, 3000), st.integers(64, 600), depths, variants)
@settings(max_examples=20)
def test_a_plan_on_tensors_equals_the_plan_on_integers(size, largest, depth, net):
    on_integers = geometry.plan_side(size, largest, depth, net)
    on_tensors = geometry.plan_side(tf.constant(size), largest, depth, net)
    for name in ("core", "num_tiles", "before", "input_size", "crop"):
        assert int(getattr(on_tensors, name)) == getattr(on_integers, name)


@pytest.mark.parametrize("net", ["paper", "padded"])
def test_a_core_smaller_than_the_grid_is_refused(net):
    with pytest.raises(ValueError, match="at least 16 pixels at depth 4, got 15"):
        geometry.plan_side(100, 15, 4, net)
