import functools
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from keras_unet import geometry
from pipelines import scaling
from pipelines.images import ArrayImage
from pipelines.overlap_tile.overlap_tile import Net, plan_tiles
from pipelines.overlap_tile.tile_passes import TilePass, probability_windows

cached_net = functools.cache(Net)
# From 0 to 1; float32 rounds at 6e-8.
TOLERANCE = 1e-5


def stitched(net, image, largest_core, flips=False):
    height, width = image.shape[:2]
    plan = plan_tiles(height, width, largest_core, net.depth, net.variant)
    tile_pass = TilePass(net, plan, flips)
    result = np.full((height, width, net.output_channels), np.nan, np.float32)
    source = ArrayImage(image, "image")
    statistics = scaling.statistics_of(source)
    for top, left, pixels in probability_windows(source, tile_pass, *statistics):
        result[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    assert tile_pass.read_pixels >= tile_pass.input_pixels
    return result


def whole(net, image):
    """One pass over the whole image, which NumPy mirrors far beyond what is seen."""
    step, context = 2**net.depth, geometry.context(net.depth)
    statistics = scaling.statistics_of(ArrayImage(image, "image"))
    before = context if net.variant == "paper" else (context // step + 2) * step
    pads, crops = [], []
    for size in image.shape[:2]:
        total = before + size + 2 * context
        while not geometry.is_legal_input_size(total, net.depth, net.variant):
            total += 1
        pads.append((before, total - before - size))
        first = 0 if net.variant == "paper" else before
        crops.append(slice(first, first + size))
    mirrored = np.pad(image, [*pads, (0, 0)], mode="reflect").astype(np.float32)
    return net.tile_probability(mirrored, *statistics)[tuple(crops)]


def same_decisions(found, expected, threshold=0.5):
    if expected.shape[-1] > 2:
        second, first = np.moveaxis(np.sort(expected, axis=-1)[..., -2:], -1, 0)
        near = first - second <= 2 * TOLERANCE
        return (found.argmax(axis=-1) == expected.argmax(axis=-1))[~near].all()
    near = np.abs(expected - threshold) <= TOLERANCE
    return ((found > threshold) == (expected > threshold))[~near].all()


def check_equal_to_one_pass(
    random_net, height, width, cores, variant, depth, channels, classes
):
    net = cached_net(random_net(variant, depth, channels, classes))
    random = np.random.default_rng(seed=height * 1000 + width)
    image = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    expected = whole(net, image)
    found = stitched(net, image, cores * 2**depth)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert same_decisions(found, expected)


ANY_IMAGE = {
    "height": strategies.integers(1, 80),
    "width": strategies.integers(1, 80),
    "cores": strategies.integers(1, 4),
}
# Variant, depth, channels and classes. Few nets: it takes seconds to trace one, and an
# image none.
SOME_NETS = [("padded", 1, 1, 1), ("paper", 1, 3, 4), ("padded", 2, 4, 2)]
SOME_NETS += [("paper", 2, 1, 1), ("padded", 3, 2, 5), ("paper", 3, 1, 2)]
ANY_NET = strategies.tuples(
    strategies.sampled_from(["padded", "paper"]),
    strategies.integers(1, 5),
    strategies.integers(1, 4),
    strategies.integers(1, 5),
)


@hypothesis.settings(max_examples=20)
@hypothesis.given(**ANY_IMAGE, net=strategies.sampled_from(SOME_NETS))
@hypothesis.example(height=1, width=1, cores=1, net=("padded", 5, 1, 1))
@hypothesis.example(height=50, width=2, cores=1, net=("paper", 4, 3, 5))
def test_stitched_windows_equal_one_pass_over_the_mirrored_image(
    random_net, height, width, cores, net
):
    check_equal_to_one_pass(random_net, height, width, cores, *net)


@pytest.mark.slow
@hypothesis.settings(max_examples=400)
@hypothesis.given(**ANY_IMAGE, net=ANY_NET)
@hypothesis.example(height=1, width=1, cores=1, net=("paper", 5, 1, 1))
@hypothesis.example(height=2, width=50, cores=1, net=("padded", 4, 4, 2))
def test_stitched_windows_equal_one_pass_for_many_images_and_nets(
    random_net, height, width, cores, net
):
    check_equal_to_one_pass(random_net, height, width, cores, *net)


TURNS = [
    (quarter_turns, flipped)
    for quarter_turns, flipped in itertools.product(range(4), (False, True))
]


def mean_of_turned_images(net, image):
    """Turns the whole image 8 times, predicts each whole, turns back, averages."""
    total = 0
    for quarter_turns, flipped in TURNS:
        turned = np.rot90(image, quarter_turns)
        turned = np.flip(turned, 1) if flipped else turned
        found = whole(net, np.ascontiguousarray(turned)).astype(np.float64)
        found = np.flip(found, 1) if flipped else found
        total = total + np.rot90(found, -quarter_turns)
    return total / len(TURNS)


@hypothesis.settings(max_examples=6)
@hypothesis.given(
    height=strategies.integers(1, 50),
    width=strategies.integers(1, 50),
    depth=strategies.integers(1, 3),
    variant=strategies.sampled_from(["padded", "paper"]),
    cores=strategies.integers(1, 3),
)
@hypothesis.example(height=21, width=10, depth=2, variant="padded", cores=2)
@hypothesis.example(height=21, width=10, depth=2, variant="paper", cores=2)
@hypothesis.example(height=16, width=35, depth=3, variant="padded", cores=1)
def test_flips_equal_the_mean_over_the_whole_turned_images(
    random_net, height, width, depth, variant, cores
):
    net = cached_net(random_net(variant, depth, num_classes=2))
    random = np.random.default_rng(seed=height * 100 + width)
    image = random.integers(0, 256, (height, width, 1), dtype=np.uint8)
    expected = mean_of_turned_images(net, image)
    found = stitched(net, image, cores * 2**depth, flips=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_flips_change_the_result(random_net, random):
    net = cached_net(random_net("padded", 2))
    image = random.integers(0, 256, (20, 21, 1), dtype=np.uint8)
    assert np.abs(stitched(net, image, 8, True) - stitched(net, image, 8)).max() > 0.01


def test_a_wrong_phase_of_the_flipped_side_would_show(random_net, random):
    net = cached_net(random_net("padded", 2, base_filters=4))
    # 21 is 1 more than a multiple of 4.
    image = random.integers(0, 256, (21, 21, 1), dtype=np.uint8)
    expected = mean_of_turned_images(net, image)
    plan = plan_tiles(24, 24, 8, net.depth, net.variant)
    tile_pass = TilePass(net, plan, flips=True)
    source = ArrayImage(image, "image")
    statistics = scaling.statistics_of(source)
    pixels = tile_pass.read(source, 8, 8)
    found = tile_pass.probability(pixels, *statistics)
    assert np.abs(found - expected[8:16, 8:16]).max() > 1e-3


def test_pixels_that_are_not_finite_name_the_image(random_net):
    net = cached_net(random_net("padded", 1))
    plan = plan_tiles(9, 9, 4, 1, "padded")
    image = np.zeros((9, 9, 1), np.float32)
    image[7, 7] = np.inf
    with pytest.raises(ValueError, match="hole.tif: holds NaN or infinite"):
        TilePass(net, plan).read(ArrayImage(image, "hole.tif"), 8, 8)


def test_what_float32_cannot_hold_is_told_before_it_is_infinite(random_net):
    net = cached_net(random_net("padded", 1, 1, 1))
    plan = plan_tiles(8, 8, 8, net.depth, net.variant)
    image = np.zeros((8, 8, 1))
    image[3, 3] = 1e39
    tile_pass = TilePass(net, plan)
    with pytest.raises(ValueError, match="a.tif: holds pixel values beyond the range"):
        tile_pass.read(ArrayImage(image, "a.tif"), 0, 0)
    image[3, 3] = -np.inf
    with pytest.raises(ValueError, match="a.tif: holds NaN or infinite pixels"):
        tile_pass.read(ArrayImage(image, "a.tif"), 0, 0)
