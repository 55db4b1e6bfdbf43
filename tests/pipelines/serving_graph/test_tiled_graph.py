import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import scaling
from pipelines.images import ArrayImage
from pipelines.mirroring import mirrored_window as mirrored_array
from pipelines.overlap_tile import Net
from pipelines.serving_graph.tiled_graph import (
    Decision,
    Margins,
    TiledGraph,
    margins,
    mirrored_window,
)

IDENTITY = Decision(tf.identity, tf.float32, 1)
WINDOW = tf.function(
    mirrored_window,
    [tf.TensorSpec((None, None, None), tf.uint16)]
    + [tf.TensorSpec((), tf.int32)] * 2
    + [tf.TensorSpec((2,), tf.int32)],
)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_a_window_is_mirrored_as_for_predict(shape, origin, sizes):
    image = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(*shape, 1)
    expected = mirrored_array(ArrayImage(image, "image"), *origin, *sizes)
    np.testing.assert_array_equal(WINDOW(image, *origin, sizes), expected)


@pytest.mark.parametrize(
    ("depth", "variant", "before", "after"),
    [
        # The context 92 and, of a legal input, 4 more at the end.
        (4, "paper", 92, 96),
        # 92 and 2 for the phase of the pooling, up to a multiple of 16.
        (4, "padded", 96, 96),
        (1, "padded", 8, 8),
        (1, "paper", 8, 12),
    ],
)
def test_margins_are_those_of_the_plan(depth, variant, before, after):
    assert margins(depth, variant) == Margins(before, after, 2**depth)


def tiled(model, depth, variant, largest_core=16):
    def outputs(window, mean, std):
        return model(scaling.scale(window, mean, std)[tf.newaxis], training=False)[0]

    return TiledGraph(outputs, depth=depth, variant=variant, largest_core=largest_core)


@pytest.fixture(scope="module")
def images_of(random_net):
    """Makes the graph of whole images by a net of depth 2, and the net; traces once."""

    @functools.cache
    def make(variant):
        model = random_net(variant, 2)
        graph = tf.function(
            lambda *given: tiled(model, 2, variant).image(*given, IDENTITY),
            input_signature=[
                tf.TensorSpec((None, None, 1), tf.uint8),
                *[tf.TensorSpec((1,), tf.float32)] * 2,
            ],
            autograph=False,
        )
        return graph, Net(model)

    return make


@pytest.mark.parametrize("variant", ["padded", "paper"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 45), (45, 1), (16, 32), (37, 50)])
def test_logits_of_all_sizes_are_those_of_predict(random, images_of, variant, shape):
    run, net = images_of(variant)
    image = random.integers(0, 255, (*shape, 1)).astype(np.uint8)
    mean, std = scaling.image_statistics(image)
    expected = net.logits(np.asarray(scaling.scale(image, mean, std)))
    np.testing.assert_allclose(run(image, mean, std), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("variant", "depth"), [("padded", 1), ("paper", 2), ("padded", 3)]
)
def test_regions_side_by_side_are_the_whole_image(random, random_net, variant, depth):
    model = random_net(variant, depth)
    image = random.normal(size=(35, 61, 1)).astype(np.float32)
    mean, std = np.float32([0.1]), np.float32([1.5])
    graph = tiled(model, depth, variant)
    run = tf.function(
        lambda window: graph.region(window, mean, std, IDENTITY),
        input_signature=[tf.TensorSpec((None, None, 1), tf.float32)],
        autograph=False,
    )
    whole = graph.image(tf.constant(image), mean, std, IDENTITY).numpy()
    around = margins(depth, variant)
    # On the pooling grid; of one tile, of several, and beyond the image's border.
    for top, left, height, width in [(0, 0, 24, 40), (24, 8, 16, 8), (8, 40, 8, 24)]:
        window = mirrored_array(
            ArrayImage(image, "image"),
            top - around.before,
            left - around.before,
            height + around.before + around.after,
            width + around.before + around.after,
        )
        part = run(window).numpy()
        assert part.shape == (height, width, 1)
        expected = whole[top : top + height, left : left + width]
        part = part[: expected.shape[0], : expected.shape[1]]
        np.testing.assert_allclose(part, expected, atol=1e-5)


def test_what_is_kept_is_decided_tile_by_tile(random_net):
    seen = []

    def decide(outputs):
        seen.append(outputs.shape)
        return tf.cast(outputs > 0, tf.uint8)

    image = tf.zeros((40, 40, 1))
    graph = tiled(random_net(), 1, "padded")
    found = graph.image(image, [0.0], [1.0], Decision(decide, tf.uint8, 1))
    assert found.dtype == tf.uint8
    assert found.shape == (40, 40, 1)
    # 3 tiles of 14 pixels a side, with a margin of 8.
    assert seen == [(30, 30, 1)] * 9
