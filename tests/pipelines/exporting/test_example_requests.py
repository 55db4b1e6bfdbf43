import numpy as np
import pytest
import tensorflow as tf

from pipelines.exporting.example_requests import (
    example_image,
    example_requests,
    full_tile_side,
    least_pixel_limit,
)
from pipelines.exporting.serving_signatures import make_signatures
from pipelines.serving_graph import ServingGraph
from pipelines.serving_graph.served_net import ServedNet


def net(channels=1, **changes):
    settings = {
        "tile_logits": lambda tiles: tiles,
        "depth": 2,
        "variant": "padded",
        "channels": channels,
        "output_channels": 1,
        "threshold": 0.5,
        "pixel_limit": 10_000,
        "largest_core": 16,
    }
    return ServedNet(**settings | changes)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_signature_is_asked_with_what_it_takes(channels):
    served = net(channels)
    table = make_signatures(ServingGraph(served), served)
    requests = example_requests(served, table)
    assert {request.signature for request in requests} == set(table)
    assert len({request.name for request in requests}) == len(requests)
    for request in requests:
        specs = {spec.name: spec for spec in table[request.signature].inputs}
        assert set(specs) == set(request.inputs)
        for name, array in request.inputs.items():
            assert specs[name].is_compatible_with(tf.constant(array))


def test_every_signature_has_a_golden_request():
    served = net()
    table = make_signatures(ServingGraph(served), served)
    golden = [r.signature for r in example_requests(served, table) if r.is_golden]
    assert set(golden) == set(table)


def test_an_example_takes_several_tiles():
    image = example_image(net(3), 0)
    assert image.shape == (3, 24, 3)
    assert image.dtype == np.uint8


def test_other_seeds_change_pixels_but_neither_names_nor_shapes():
    one, two = (example_requests(net(), ["serving_default"], seed) for seed in (0, 1))
    assert [r.name for r in one] == [r.name for r in two]
    first, second = (r[-1].inputs["image"] for r in (one, two))
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("limit", "side"), [(10_000, 16), (255, 15), (256, 16)])
def test_a_full_tile_is_within_the_limit(limit, side):
    assert full_tile_side(net(pixel_limit=limit)) == side


def test_the_least_limit_lets_every_example_pass():
    least = least_pixel_limit(net())
    # A region of 4 pixels with the margins of depth 2, 24 pixels, on both sides.
    assert least == 52**2
    requests = example_requests(net(pixel_limit=least), ["region", "pixels"])
    sizes = [r.inputs.get("image", r.inputs.get("pixels")).shape for r in requests]
    assert max(height * width for _, height, width, _ in sizes) <= least
