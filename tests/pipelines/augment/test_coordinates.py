import math

import numpy as np
import pytest
import scipy.interpolate
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.augment import Augmentation, coordinates
from pipelines.augment.coordinates import halo, tile_places
from pipelines.config import AugmentConfig


def only(**changes):
    return Augmentation(**changes)


def seeds(count):
    return [tf.constant([number, 7], tf.int32) for number in range(count)]


def grid(size):
    return np.stack(np.mgrid[:size, :size]).astype(np.float32)


def test_with_every_change_off_a_tile_is_the_centre_of_its_window():
    places = tile_places(seeds(1)[0], Augmentation(), 5, 11)
    np.testing.assert_array_equal(places, grid(5) + 3)


def eight_symmetries(size):
    """Rows and columns of the tile in all eight positions."""
    planes = np.moveaxis(grid(size), 0, -1)
    turned = [np.rot90(planes, quarters) for quarters in range(4)]
    return [
        np.moveaxis(one, -1, 0)
        for one in turned + [np.swapaxes(one, 0, 1) for one in turned]
    ]


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize(
    ("config", "reachable"),
    [
        (only(flips=True, quarter_turns=True), range(8)),
        (only(quarter_turns=True), range(4)),
        # Never transposed: light from one side stays on a row or a column.
        (only(flips=True), (0, 2, 5, 7)),
    ],
    ids=["both", "turns", "flips"],
)
def test_flips_and_turns_permute_pixels_exactly(size, config, reachable):
    symmetries = eight_symmetries(size)
    reached = set()
    for seed in seeds(60):
        places = tile_places(seed, config, size, size)
        equal = [np.array_equal(places, one) for one in symmetries]
        assert sum(equal) == 1
        reached.add(equal.index(True))
    assert reached == set(reachable)


def singular_values(config, count=200):
    return [
        np.linalg.svd(coordinates.affine_matrix(seed, config))[1]
        for seed in seeds(count)
    ]


def test_a_rotation_turns_by_up_to_its_strength_to_both_sides():
    matrices = [
        np.asarray(coordinates.affine_matrix(seed, only(rotation=30)))
        for seed in seeds(200)
    ]
    angles = [math.degrees(math.atan2(one[1, 0], one[0, 0])) for one in matrices]
    assert -30 < min(angles) < -27 and 27 < max(angles) < 30
    for matrix in matrices:
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(2), atol=1e-6)
        assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-6)


def test_a_zoom_changes_the_size_by_up_to_its_strength_both_ways():
    sizes = np.array(singular_values(only(zoom=0.4)))
    np.testing.assert_allclose(sizes[:, 0], sizes[:, 1], rtol=1e-5)
    logarithms = np.log(sizes[:, 0])
    assert -0.4 < logarithms.min() < -0.35 and 0.35 < logarithms.max() < 0.4


def test_a_shear_keeps_areas_and_is_along_rows_or_along_columns():
    matrices = [
        np.asarray(coordinates.affine_matrix(seed, only(shear=20)))
        for seed in seeds(200)
    ]
    for matrix in matrices:
        np.testing.assert_array_equal(np.diag(matrix), 1)
        assert 0 in (matrix[0, 1], matrix[1, 0])
    for row, column in ((0, 1), (1, 0)):
        angles = np.degrees(np.arctan([one[row, column] for one in matrices]))
        assert -20 < angles.min() < -17 and 17 < angles.max() < 20


@settings(max_examples=25)
@given(
    rotation=st.floats(0, 180),
    zoom=st.floats(0, 0.5),
    shear=st.floats(0, 30),
    number=st.integers(0, 2**31 - 1),
    size=st.integers(1, 40),
)
def test_affine_changes_stay_within_the_halo(rotation, zoom, shear, number, size):
    config = only(
        flips=True, quarter_turns=True, rotation=rotation, zoom=zoom, shear=shear
    )
    window_size = size + 2 * halo(config, size)
    # Not compiled: that takes a second for each of the settings.
    compute = tile_places.python_function
    places = np.asarray(compute(tf.constant([number, 0]), config, size, window_size))
    if window_size < 3 * size:
        assert places.min() > -0.05
        assert places.max() < window_size - 1 + 0.05


@pytest.mark.parametrize(
    ("config", "size", "pixels"),
    [
        (Augmentation(), 256, 0),
        (only(elastic=10.0), 256, 30),
        (only(elastic=0.5), 256, 2),
        # Half the diagonal of 101 pixels from centre to centre: 50 * (sqrt(2) - 1).
        (only(rotation=180), 101, 21),
        (only(rotation=90), 101, 21),
        # 50 * (exp(0.2) - 1) and 50 * tan(45 degrees).
        (only(zoom=0.2), 101, 12),
        (only(shear=45), 101, 50),
        # Never more than the tile.
        (only(elastic=1000), 64, 64),
    ],
)
def test_the_halo_is_as_wide_as_the_changes_reach(config, size, pixels):
    assert halo(config, size) == pixels


def test_the_halo_holds_three_deviations_of_the_elastic_deformation():
    config = only(elastic=2.0)
    size = 20 + 2 * halo(config, 20)
    places = np.stack([tile_places(seed, config, 20, size) for seed in seeds(100)])
    outside = ((places < 0) | (places > size - 1)).any(axis=1)
    assert outside.mean() < 0.001


def test_grid_vectors_have_the_deviation_asked_for_in_both_axes():
    # A tile of 3 pixels has a grid point on each pixel.
    fields = [coordinates.displacement_field(seed, 3, 10.0) for seed in seeds(400)]
    assert fields[0].shape == (2, 3, 3)
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
    found = coordinates.bicubic_weights(size, points) @ values
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_weights_sum_to_one_and_keep_straight_lines():
    weights = coordinates.bicubic_weights(33, 3)
    assert weights.dtype == np.float32
    assert weights.shape == (33, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ [0, 1, 2], np.linspace(0, 2, 33), atol=1e-6)


def test_the_field_is_smooth_and_meets_the_vectors_at_the_corners():
    seed = seeds(1)[0]
    vectors = coordinates.displacement_field(seed, 3, 10.0)
    field = np.asarray(coordinates.displacement_field(seed, 65, 10.0))
    np.testing.assert_allclose(field[:, ::32, ::32], vectors, atol=1e-4)
    # From one grid point to the next lie 32 pixels.
    assert np.abs(np.diff(field, axis=1)).max() < 100 / 32


@pytest.mark.parametrize(
    "config",
    [
        only(flips=True, quarter_turns=True),
        only(rotation=20, zoom=0.3, shear=10),
        only(elastic=4.0),
        Augmentation.of(AugmentConfig(rotation=20, shear=10), 16),
    ],
    ids=["turns", "affine", "elastic", "all"],
)
def test_places_are_the_same_alone_and_inside_a_dataset(config):
    seed = seeds(4)[3]
    mapped = tf.data.Dataset.from_tensors(seed).map(
        lambda seed: tile_places(seed, config, 16, 40)
    )
    np.testing.assert_array_equal(next(iter(mapped)), tile_places(seed, config, 16, 40))
