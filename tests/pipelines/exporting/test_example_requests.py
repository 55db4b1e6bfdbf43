import numpy as np
import pytest
import tensorflow as tf

from keras_unet import geometry
from pipelines.exporting.example_requests import (
    example_image,
    example_requests,
    full_tile_side,
    least_pixel_limit,
)
from pipelines.exporting.serving_signatures import make_signatures
from pipelines.serving_graph import ServingGraph
from pipelines.serving_graph.served_net import ServedNet
from pipelines.serving_graph.tiled_graph import margins


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


def tiles_of(served, request):
    """Returns (number of tiles, sides of one) of the image of a request."""
    data = request.inputs.get("image", request.inputs.get("pixels"))
    if data is None:
        [file] = request.inputs["image_bytes"]
        data = tf.io.decode_image(file)[tf.newaxis]
    around = margins(served.depth, served.variant)
    both = around.before + around.after if request.signature == "region" else 0
    sides = [
        geometry.plan_side(
            size - both, served.largest_core, served.depth, served.variant
        )
        for size in data.shape[1:3]
    ]
    return sides[0].num_tiles * sides[1].num_tiles, tuple(one.core for one in sides)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("variant", ["padded", "paper"])
def test_every_image_signature_is_warmed_by_a_request_of_several_tiles(
    channels, variant
):
    served = net(channels, variant=variant)
    table = make_signatures(ServingGraph(served), served)
    tiles = {name: [] for name in table if name != "about"}
    assert len(tiles) == 6
    for request in example_requests(served, table):
        if request.signature in tiles:
            tiles[request.signature].append(tiles_of(served, request))
    for name, found in tiles.items():
        assert max(number for number, _ in found) > 1, name
    # What most requests are made of: `segment` sends files and regions.
    for name in ("pixels", "image_bytes", "region"):
        assert (1, (16, 16)) in tiles[name], name


def test_16_bits_are_asked_for_several_tiles_too():
    requests = example_requests(net(), ["pixels_uint16", "image_bytes"])
    by_name = {request.name: request for request in requests}
    for name in ("pixels_uint16/several_tiles", "image_bytes/png_16_bits"):
        assert tiles_of(net(), by_name[name])[0] > 1
    [file] = by_name["image_bytes/png_16_bits"].inputs["image_bytes"]
    # The bit depth of a PNG stands in its byte 24.
    assert file[24] == 16


def test_the_golden_ones_are_small():
    served = net(depth=4, largest_core=512, pixel_limit=256_000_000)
    table = make_signatures(ServingGraph(served), served)
    golden = [r for r in example_requests(served, table) if r.is_golden]
    sizes = [
        len(value) if isinstance(value, bytes) else array.nbytes
        for request in golden
        for array in request.inputs.values()
        for value in (array.flat[0] if array.dtype == object else array,)
    ]
    # A region of 16 pixels a side in float32, 208 with its margins; the rest is little.
    assert max(sizes) == 208 * 208 * 4
    assert sum(sizes) - max(sizes) < 30_000


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


def test_regions_of_several_tiles_are_asked_for_from_the_first_limit_that_has_them():
    # Of one step, 4 rows, and of one more than the 16 columns of a tile; with the
    # margins, 48 pixels a side.
    first = 52 * 68
    for limit, number in ((first - 1, 0), (first, 1)):
        requests = example_requests(net(pixel_limit=limit), ["region"])
        assert sum(r.what == "several_tiles" for r in requests) == number
