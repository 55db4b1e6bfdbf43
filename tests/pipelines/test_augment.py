import dataclasses

import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage
import tensorflow as tf

from pipelines import augment
from pipelines.config import AugmentConfig

NOTHING = AugmentConfig(
    flips=False, quarter_turns=False, elastic=0, brightness=0, contrast=0
)


def only(**changes):
    return dataclasses.replace(NOTHING, **changes)


def seeds(count):
    return [tf.constant([number, 7], tf.int32) for number in range(count)]


def coordinates(size):
    """An image (size, size, 2) whose pixels say their own row and column."""
    return np.stack(np.mgrid[:size, :size], axis=-1).astype(np.float32)


def tile(image, mask, seed, config, mask_size=None):
    size = image.shape[0] - 2 * augment.halo(config)
    mask_size = size if mask_size is None else mask_size
    return augment.augment(
        tf.constant(image),
        tf.constant(mask),
        seed,
        config,
        tile_size=size,
        mask_size=mask_size,
    )


def inside_a_dataset(function, seed):
    """Runs a function of a seed as a tf.data map does."""
    dataset = tf.data.Dataset.from_tensors(seed).map(function)
    return next(iter(dataset))


def test_nothing_is_changed_when_every_change_is_off(random):
    image = random.normal(0, 1, (9, 9, 3)).astype(np.float32)
    mask = random.integers(0, 5, (9, 9, 1)).astype(np.uint8)
    changed, changed_mask = tile(image, mask, seeds(1)[0], NOTHING)
    np.testing.assert_array_equal(changed, image)
    np.testing.assert_array_equal(changed_mask, mask)
    assert changed_mask.dtype == tf.uint8


def eight_symmetries(image):
    turned = [np.rot90(image, quarters) for quarters in range(4)]
    return turned + [np.swapaxes(one, 0, 1) for one in turned]


@pytest.mark.parametrize("size", [6, 7])
def test_flips_and_turns_permute_pixels_exactly_and_reach_all_eight(random, size):
    image = random.normal(0, 1, (size, size, 2)).astype(np.float32)
    mask = random.integers(0, 9, (size, size, 1)).astype(np.uint8)
    symmetries = eight_symmetries(image)
    config = only(flips=True, quarter_turns=True)
    reached = []
    for seed in seeds(60):
        changed, changed_mask = tile(image, mask, seed, config)
        equal = [np.array_equal(changed, one) for one in symmetries]
        assert sum(equal) == 1
        reached.append(equal.index(True))
        expected = eight_symmetries(mask)[reached[-1]]
        np.testing.assert_array_equal(changed_mask, expected)
    assert set(reached) == set(range(8))


@pytest.mark.parametrize(
    ("config", "reachable"),
    [
        # Never transposed: light from one side stays on a vertical or horizontal line.
        (
            only(flips=True),
            lambda image: [image, image[::-1], image[:, ::-1], image[::-1, ::-1]],
        ),
        (
            only(quarter_turns=True),
            lambda image: [np.rot90(image, quarters) for quarters in range(4)],
        ),
    ],
    ids=["flips", "turns"],
)
def test_flips_alone_and_turns_alone_reach_their_four(random, config, reachable):
    image = random.normal(0, 1, (5, 5, 1)).astype(np.float32)
    found = set()
    for seed in seeds(40):
        changed, _ = tile(image, image > 0, seed, config)
        equal = [np.array_equal(changed, one) for one in reachable(image)]
        assert sum(equal) == 1
        found.add(equal.index(True))
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize("mask_size", [40, 24])
def test_image_and_mask_never_drift_apart(mask_size):
    config = only(elastic=6.0, flips=True, quarter_turns=True)
    image = coordinates(40 + 2 * augment.halo(config))
    classes = (image[..., :1] // 3 * 5 + image[..., 1:] // 2) % 200
    for seed in seeds(10):
        warped, mask = tile(image, classes.astype(np.uint8), seed, config, mask_size)
        cut = (40 - mask_size) // 2
        centre = np.asarray(warped)[cut : cut + mask_size, cut : cut + mask_size]
        nearest = np.floor(centre + 0.5).astype(int)
        expected = classes[nearest[..., 0], nearest[..., 1]]
        # Halfway between two pixels the last digit decides.
        clear = (np.abs(centre - np.floor(centre) - 0.5) > 1e-3).all(axis=-1)
        assert clear.mean() > 0.95
        np.testing.assert_array_equal(np.asarray(mask)[clear], expected[clear])


def test_the_window_is_wide_enough_for_three_deviations():
    assert augment.halo(NOTHING) == 0
    assert augment.halo(only(elastic=10.0)) == 30
    assert augment.halo(only(elastic=0.5)) == 2


def test_grid_vectors_have_the_deviation_asked_for_in_both_axes():
    # A tile of 3 pixels has a grid point on each pixel.
    fields = [augment.displacement_field(seed, 3, 10.0) for seed in seeds(400)]
    assert fields[0].shape == (3, 3, 2)
    deviations = np.std(fields, axis=0)
    # s.d. of an estimate from 400 draws: 10 / sqrt(800) = 0.35.
    np.testing.assert_allclose(deviations, 10, atol=1.8)
    np.testing.assert_allclose(np.mean(fields, axis=0), 0, atol=2.5)
    flat = np.reshape(fields, (400, -1))
    correlation = np.corrcoef(flat.T) - np.eye(18)
    assert np.abs(correlation).max() < 0.25


@pytest.mark.parametrize("size", [2, 3, 17, 64])
@pytest.mark.parametrize("points", [3, 5])
def test_weights_are_those_of_hermite_splines_with_central_differences(
    random, size, points
):
    values = random.normal(0, 1, points)
    # Cubic convolution with a = -1/2 is the Hermite spline whose slopes are central
    # differences; a straight continuation makes those at the ends one-sided.
    slopes = np.gradient(values)
    spline = scipy.interpolate.CubicHermiteSpline(np.arange(points), values, slopes)
    expected = spline(np.linspace(0, points - 1, size))
    found = augment.bicubic_weights(size, points) @ values
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_weights_sum_to_one_and_keep_straight_lines():
    weights = augment.bicubic_weights(33, 3)
    assert weights.dtype == np.float32
    assert weights.shape == (33, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ [0, 1, 2], np.linspace(0, 2, 33), atol=1e-6)


def test_the_field_is_smooth_and_meets_the_vectors_at_the_corners():
    seed = seeds(1)[0]
    vectors = augment.displacement_field(seed, 3, 10.0)
    field = np.asarray(augment.displacement_field(seed, 65, 10.0))
    np.testing.assert_allclose(field[::32, ::32], vectors, atol=1e-4)
    # From one grid point to the next lie 32 pixels.
    assert np.abs(np.diff(field, axis=0)).max() < 100 / 32


def test_bilinear_sampling_is_that_of_scipy(random):
    image = random.normal(0, 1, (12, 12, 2)).astype(np.float32)
    places = random.uniform(-15, 27, (20, 30, 2)).astype(np.float32)
    found = augment.sample_bilinear(tf.constant(image), tf.constant(places))
    for channel in range(2):
        expected = scipy.ndimage.map_coordinates(
            image[..., channel], np.moveaxis(places, -1, 0), order=1, mode="mirror"
        )
        np.testing.assert_allclose(found[..., channel], expected, atol=1e-4)


def test_nearest_sampling_takes_the_nearest_pixel_mirrored_outside():
    mask = tf.constant(np.arange(9, dtype=np.uint8).reshape(3, 3, 1))
    places = tf.constant([[[0.4, 0.6], [1.51, 1.49], [-1.0, 0.0], [3.2, 4.0]]])
    # Rows and columns 0 1, 2 1, 1 0 and (mirrored) 1 0.
    found = augment.sample_nearest(mask, places)
    np.testing.assert_array_equal(found[0, :, 0], [1, 7, 3, 3])


def test_the_class_ids_of_a_warped_mask_are_some_of_the_mask(random):
    mask = np.where(random.random((60, 60, 1)) < 0.5, 3, 250).astype(np.uint8)
    config = only(elastic=3.0)
    _, warped = tile(np.zeros((60, 60, 1), np.float32), mask, seeds(1)[0], config)
    assert set(np.unique(warped)) <= {3, 250}


@pytest.mark.filterwarnings("ignore::UserWarning:tensorflow_addons")
def test_the_warp_is_that_of_tensorflow_addons(random):
    addons = pytest.importorskip(
        "tensorflow_addons", reason="TensorFlow Addons is on the addons stack only"
    )
    config = only(elastic=2.0)
    seed = seeds(1)[0]
    _, warp_seed, _ = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    field = augment.displacement_field(warp_seed, 32, 2.0)
    # Addons repeats border pixels where this mirrors: stay inside.
    halo = augment.halo(config)
    assert np.abs(field).max() < halo
    image = random.normal(0, 1, (32 + 2 * halo, 32 + 2 * halo, 1)).astype(np.float32)
    # Its flow points backwards: output[i] = image[i - flow[i]].
    flow = tf.pad(-field, [[halo, halo], [halo, halo], [0, 0]])
    theirs = addons.image.dense_image_warp(image[np.newaxis], flow[tf.newaxis])[0]
    ours, _ = tile(image, np.zeros_like(image), seed, config)
    np.testing.assert_allclose(ours, theirs[halo:-halo, halo:-halo], atol=1e-4)


def test_intensity_changes_by_one_factor_and_one_shift(random):
    image = random.normal(0, 1, (8, 8, 2)).astype(np.float32)
    seed = seeds(1)[0]
    changed = augment.change_intensity(image, seed, only(brightness=0.3, contrast=0.2))
    slope, shift = np.polyfit(image.ravel(), np.asarray(changed).ravel(), 1)
    np.testing.assert_allclose(changed, image * slope + shift, atol=1e-5)
    assert slope != pytest.approx(1, abs=1e-3)
    assert shift != pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        # On pixels of 0 only the shift shows; on pixels of 1 the factor without it.
        (only(brightness=0.3), lambda changed: changed[0]),
        (only(contrast=0.3), lambda changed: np.log(changed[1])),
    ],
    ids=["brightness", "contrast"],
)
def test_brightness_and_contrast_have_the_deviation_asked_for(config, values):
    image = tf.constant([0.0, 1.0])[:, tf.newaxis, tf.newaxis]
    drawn = [
        float(values(np.asarray(augment.change_intensity(image, seed, config)).ravel()))
        for seed in seeds(400)
    ]
    assert np.std(drawn) == pytest.approx(0.3, abs=0.05)
    assert np.mean(drawn) == pytest.approx(0, abs=0.06)


def test_intensity_is_left_alone_when_switched_off(random):
    image = tf.constant(random.normal(0, 1, (4, 4, 1)))
    assert augment.change_intensity(image, seeds(1)[0], NOTHING) is image


def test_one_seed_gives_one_tile_and_another_seed_another(random):
    config = AugmentConfig(elastic=2.0)
    image = random.normal(0, 1, (28, 28, 1)).astype(np.float32)
    one, other = seeds(2)
    first, first_mask = tile(image, image > 0, one, config)
    again, again_mask = tile(image, image > 0, one, config)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_mask, again_mask)
    assert not np.allclose(first, tile(image, image > 0, other, config)[0])


@pytest.mark.parametrize(
    "function",
    [
        lambda seed: augment.turn_and_flip(
            augment.tile_coordinates(16),
            seed,
            only(flips=True, quarter_turns=True),
        ),
        lambda seed: augment.displacement_field(seed, 16, 4.0),
        lambda seed: augment.sample_bilinear(
            tf.constant(coordinates(16)),
            7 + augment.displacement_field(seed, 16, 4.0),
        ),
        lambda seed: augment.sample_nearest(
            tf.constant(coordinates(16)[..., :1]),
            7 + augment.displacement_field(seed, 16, 4.0),
        ),
        lambda seed: augment.change_intensity(
            tf.constant(coordinates(16)), seed, only(brightness=1, contrast=1)
        ),
    ],
    ids=["turn_and_flip", "displacement_field", "bilinear", "nearest", "intensity"],
)
def test_each_step_gives_the_same_alone_and_inside_a_dataset(function):
    seed = seeds(4)[3]
    np.testing.assert_allclose(
        inside_a_dataset(function, seed), function(seed), rtol=1e-5, atol=1e-5
    )


def test_a_whole_tile_is_the_same_alone_and_inside_a_dataset(random):
    config = AugmentConfig(elastic=2.0)
    window = random.normal(0, 1, (36, 36, 1)).astype(np.float32)
    seed = seeds(6)[5]
    image, mask = tile(window, window > 0, seed, config, mask_size=8)
    assert (image.shape, mask.shape) == ((24, 24, 1), (8, 8, 1))
    mapped, mapped_mask = inside_a_dataset(
        lambda seed: tile(window, window > 0, seed, config, mask_size=8), seed
    )
    np.testing.assert_allclose(mapped, image, atol=1e-5)
    np.testing.assert_array_equal(mapped_mask, mask)
