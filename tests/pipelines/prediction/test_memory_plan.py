import dataclasses

import numpy as np
import pytest

from pipelines.overlap_tile import Net
from pipelines.prediction.memory_plan import (
    Demand,
    MemoryModel,
    largest_plan,
    resident_bytes,
)
from pipelines.results.layout import ImageLayout

MEGABYTE = 10**6


@pytest.fixture(scope="module")
def net(random_net):
    return Net(random_net("padded", 2))


@pytest.fixture(scope="module")
def model():
    return MemoryModel(500 * MEGABYTE, base_filters=64, channels=1, output_channels=2)


def demand(height, width, **taken):
    return Demand(ImageLayout(height, width, 1, np.dtype(np.uint8)), **taken)


def planned(
    net, model, megabytes, height=20000, width=20000, flips=False, begun=None, **taken
):
    """The plan, its peak, and the pixels that the net takes at once."""
    wanted, budget = demand(height, width, **taken), megabytes * MEGABYTE
    tiles = largest_plan(net, model, wanted, budget, flips=flips, begun=begun)
    return tiles.plan, model.peak(tiles, wanted), tiles.input_pixels


@pytest.mark.parametrize("megabytes", [800, 1500, 4000])
def test_the_plan_stays_within_the_bound_and_uses_most_of_it(net, model, megabytes):
    _, peak, _ = planned(net, model, megabytes)
    # Tiles share the image evenly, so they are a little smaller than would fit.
    assert 0.85 * megabytes * MEGABYTE < peak <= megabytes * MEGABYTE


def test_tiles_that_were_begun_go_on_where_a_little_is_missing(net, model):
    plan, peak, _ = planned(net, model, 1500)
    begun = plan.largest_core
    assert planned(net, model, 1600)[0] != plan
    # The process holds a little more or less the next time.
    for megabytes in (peak / MEGABYTE * 0.97, 1600):
        assert planned(net, model, megabytes, begun=begun)[0] == plan
    assert planned(net, model, 800, begun=begun)[1] <= 800 * MEGABYTE


def test_a_result_that_is_held_whole_takes_twice_its_bytes(net, model):
    whole, in_bands = demand(8000, 8000, whole=True), demand(8000, 8000)
    tiles = largest_plan(net, model, whole, 900 * MEGABYTE)
    more = model.peak(tiles, whole) - model.peak(tiles, in_bands)
    bands = (tiles.plan.rows.core + 3 * 512) * 8000
    assert more == 2 * 64 * 10**6 - bands
    with pytest.raises(ValueError, match="its PNG, which is held whole"):
        largest_plan(net, model, whole, 600 * MEGABYTE)


def test_an_image_that_fits_is_one_tile(net, model):
    assert planned(net, model, 1500, 600, 500)[0].num_tiles == 1
    assert planned(net, model, 1500, 600, 5000)[0].num_tiles > 1


def test_more_memory_gives_larger_tiles(net, model):
    pixels = [planned(net, model, megabytes)[2] for megabytes in (800, 1000, 2000)]
    assert pixels == sorted(pixels) and pixels[0] < pixels[-1]


def test_features_of_half_the_bytes_allow_larger_tiles(net, model):
    short = dataclasses.replace(model, feature_bytes=2)
    _, peak, pixels = planned(net, short, 1000)
    assert peak <= 1000 * MEGABYTE
    assert pixels > 1.5 * planned(net, model, 1000)[2]


def test_what_the_image_holds_is_left_to_it(net, model):
    _, peak, pixels = planned(net, model, 1000, held=200 * MEGABYTE)
    assert peak <= 1000 * MEGABYTE
    assert pixels < planned(net, model, 1000)[2]


def test_flips_count_the_wider_windows(net, model):
    plan, peak, _ = planned(net, model, 800, 20001, 20001, flips=True)
    assert peak <= 800 * MEGABYTE
    assert plan.num_tiles > 1


def test_too_little_memory_names_the_least_that_works(net, model):
    with pytest.raises(ValueError, match="memory is 100MB.* at least") as error:
        planned(net, model, 100)
    least = int(str(error.value).split("at least ")[1].split("MB")[0])
    assert planned(net, model, least)[0].num_tiles > 1
    with pytest.raises(ValueError, match="at least"):
        planned(net, model, least - 2)


def test_an_image_that_takes_more_to_decode_is_refused_with_what_that_takes(net, model):
    # Beside 500 MB of the process and 112 MiB of readers.
    taken = {"decoding": 300 * MEGABYTE}
    with pytest.raises(ValueError, match="decode this image takes 918MB.* tiled TIFF"):
        planned(net, model, 900, **taken)
    assert planned(net, model, 918, **taken) == planned(net, model, 918)


def test_the_process_holds_what_it_makes():
    before = resident_bytes()
    held = np.ones(64 * 2**20, np.uint8)
    grown = resident_bytes() - before
    assert 0.8 * held.nbytes < grown < 1.5 * held.nbytes


def test_the_warm_net_is_measured(net):
    model = MemoryModel.of_warm(net)
    assert model.resident > 100 * MEGABYTE
    assert (model.base_filters, model.channels, model.output_channels) == (2, 1, 1)


def test_the_default_is_1500_mb_or_a_little_beyond_what_the_process_holds():
    fresh = MemoryModel(700 * 10**6, 16, 1, 1)
    assert fresh.default_budget == 1500 * 10**6
    trained = MemoryModel(2000 * 10**6, 16, 1, 1)
    assert trained.default_budget == 2500 * 10**6
