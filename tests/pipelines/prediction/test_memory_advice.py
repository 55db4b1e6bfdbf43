import re

import numpy as np
import pytest

from pipelines.overlap_tile import Net
from pipelines.prediction.memory_advice import memory_advice
from pipelines.prediction.memory_plan import Demand, MemoryModel, largest_plan
from pipelines.results.layout import ImageLayout

MEGABYTE = 10**6


@pytest.fixture(scope="module")
def planner(random_net):
    """Plans tiles of a net of depth 4 that takes what one of 64 filters takes."""
    net = Net(random_net("padded", 4))
    model = MemoryModel(700 * MEGABYTE, base_filters=64, channels=1, output_channels=1)
    layout = ImageLayout(4000, 4000, 1, np.dtype(np.uint8))
    return lambda budget: largest_plan(net, model, Demand(layout), budget)


def advised(planner, megabytes):
    budget = megabytes * MEGABYTE
    return memory_advice("large.tif", planner(budget), budget, planner)


def pixels(tile_pass):
    return tile_pass.plan.num_tiles * tile_pass.input_pixels


@pytest.mark.parametrize("megabytes", [950, 1000, 1100])
def test_small_tiles_are_told_with_a_bound_that_halves_the_work(planner, megabytes):
    advice = advised(planner, megabytes)
    assert advice.startswith(f"large.tif: memory {megabytes}MB allows tiles of ")
    found = re.search(r"Memory (\d+)GB would be about ([\d.]+) times", advice)
    work = pixels(planner(megabytes * MEGABYTE))
    gain = work / pixels(planner(int(found[1]) * 1000 * MEGABYTE))
    assert gain >= 2
    assert abs(gain - float(found[2])) < 0.06


def test_nothing_is_said_where_more_would_gain_little(planner):
    assert advised(planner, 6000) is None
    assert advised(planner, 32_000) is None


def test_the_least_bound_that_does_is_named(planner):
    advice = advised(planner, 1000)
    gigabytes = int(re.search(r"Memory (\d+)GB", advice)[1])
    work = pixels(planner(1000 * MEGABYTE))
    for less in {2, 3, 4, 6, 8, 12, 16}:
        if less < gigabytes:
            assert work / pixels(planner(less * 1000 * MEGABYTE)) < 2
