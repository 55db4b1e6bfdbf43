import pytest
import tensorflow as tf

from pipelines.exporting.serving_signatures import make_signatures
from pipelines.serving_graph import ServingGraph
from pipelines.serving_graph.served_net import ServedNet

ALWAYS = ["serving_default", "pixels", "pixels_uint16", "region", "about"]


def table(channels=1, output_channels=1):
    net = ServedNet(
        tile_logits=lambda tiles: tiles,
        depth=1,
        variant="padded",
        channels=channels,
        output_channels=output_channels,
        threshold=0.5,
        pixel_limit=100,
    )
    return make_signatures(ServingGraph(net), net)


@pytest.mark.parametrize(
    ("channels", "output_channels", "more"),
    [
        (1, 1, ["image_bytes", "probability_bytes"]),
        (3, 2, ["image_bytes", "probability_bytes"]),
        (4, 3, ["image_bytes"]),
        (2, 1, []),
        (5, 3, []),
    ],
)
def test_files_are_served_for_the_channels_that_files_have(
    channels, output_channels, more
):
    assert list(table(channels, output_channels)) == ALWAYS + more


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("serving_default", {"image": ((None, None, None, 3), tf.float32)}),
        ("pixels", {"pixels": ((None, None, None, 3), tf.uint8)}),
        ("pixels_uint16", {"pixels": ((None, None, None, 3), tf.uint16)}),
        (
            "region",
            {
                "image": ((None, None, None, 3), tf.float32),
                "mean": ((None, 3), tf.float32),
                "std": ((None, 3), tf.float32),
            },
        ),
        ("about", {"query": ((None,), tf.string)}),
        ("image_bytes", {"image_bytes": ((None,), tf.string)}),
        ("probability_bytes", {"image_bytes": ((None,), tf.string)}),
    ],
)
def test_inputs_are_named_and_of_any_size(name, inputs):
    found = table(3)[name].inputs
    assert {i.name: (tuple(i.shape), i.dtype) for i in found} == inputs
