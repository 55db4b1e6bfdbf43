import functools

import numpy as np
import pytest

from pipelines import decision, scaling
from pipelines.images import ArrayImage
from pipelines.overlap_tile.flip_average import FlipAverage
from pipelines.overlap_tile.overlap_tile import Net, plan_tiles
from pipelines.overlap_tile.tile_passes import TilePass, probability_windows

# The classes decide how logits become probabilities, the variant what is cut off.
CASES = [("padded", 1), ("paper", 2), ("padded", 3)]

# A net is traced once.
flip_average = functools.cache(FlipAverage)


@pytest.fixture
def image(random):
    return random.integers(0, 256, (21, 34, 1), dtype=np.uint8)


def scaled(image):
    mean, std = scaling.statistics_of(ArrayImage(image, "image"))
    return np.asarray(scaling.scale(image, mean, std))


@pytest.mark.parametrize(("variant", "num_classes"), CASES)
def test_it_is_what_predict_averages_tile_by_tile(
    random_net, image, variant, num_classes
):
    model = random_net(variant, 2, num_classes=num_classes)
    net = Net(model)
    plan = plan_tiles(21, 34, 8, net.depth, net.variant)
    tile_pass = TilePass(net, plan, flips=True)
    source = ArrayImage(image, "image")
    statistics = scaling.statistics_of(source)
    found = flip_average(model).probability(scaled(image))
    for top, left, pixels in probability_windows(source, tile_pass, *statistics):
        part = found[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        np.testing.assert_allclose(part, pixels, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("variant", "num_classes"), CASES)
def test_its_logits_are_those_of_the_mean(random_net, image, variant, num_classes):
    net = flip_average(random_net(variant, 2, num_classes=num_classes))
    again = decision.probability_from_logits(net.logits(scaled(image)))
    expected = net.probability(scaled(image))
    np.testing.assert_allclose(np.asarray(again), expected, rtol=0, atol=1e-6)


def test_a_turned_image_has_the_turned_answer(random_net, image):
    net = flip_average(random_net("padded", 2, num_classes=1))
    expected = np.rot90(net.probability(scaled(image)))
    found = net.probability(scaled(np.rot90(image)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
