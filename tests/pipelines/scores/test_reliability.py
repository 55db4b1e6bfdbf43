import numpy as np
import pytest

from pipelines.scores import ReliabilityCounts


def test_the_curve_is_the_mean_and_the_share_of_each_bin():
    counts = ReliabilityCounts(bins=2)
    counts.add(np.array([[0.1, 0.3]]), np.array([[False, True]]))
    counts.add(np.array([0.6, 0.8, 1.0]), np.array([True, True, False]))
    said, seen = counts.curve()
    np.testing.assert_allclose(said, [0.2, 0.8])
    np.testing.assert_allclose(seen, [1 / 2, 2 / 3])
    np.testing.assert_array_equal(counts.pixels, [2, 3])
    # 2 pixels off by 0.3, 3 by 0.8 - 2/3.
    expected = (2 * 0.3 + 3 * (0.8 - 2 / 3)) / 5
    assert counts.calibration_error() == pytest.approx(expected)


def test_a_bin_without_pixels_is_not_a_number_and_costs_nothing():
    counts = ReliabilityCounts(bins=4)
    assert np.isnan(counts.calibration_error())
    counts.add(np.array([0.9]), np.array([True]))
    said, seen = counts.curve()
    assert np.isnan(said[:3]).all() and np.isnan(seen[:3]).all()
    assert counts.calibration_error() == pytest.approx(0.1)


def test_probabilities_that_come_true_as_often_as_they_say_have_no_error(random):
    probability = random.uniform(size=200_000).astype(np.float32)
    counts = ReliabilityCounts()
    counts.add(probability, random.uniform(size=probability.shape) < probability)
    assert counts.calibration_error() < 0.01


def test_pixels_that_are_not_valid_do_not_count(random):
    probability, valid = random.random((8, 9)), random.random((8, 9)) < 0.5
    came_true = random.random((8, 9)) < probability
    counts, expected = ReliabilityCounts(), ReliabilityCounts()
    counts.add(probability, came_true, valid)
    expected.add(probability[valid], came_true[valid])
    np.testing.assert_array_equal(counts.pixels, expected.pixels)
    np.testing.assert_array_equal(counts.curve(), expected.curve())


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="must have one shape"):
        ReliabilityCounts().add(np.zeros(3), np.zeros(2, bool))


def test_pixels_of_two_sets_add_up(random):
    probability, came_true = random.random((2, 50)), random.random((2, 50)) < 0.5
    both, total = ReliabilityCounts(), ReliabilityCounts()
    both.add(probability, came_true)
    for row in range(2):
        one = ReliabilityCounts()
        one.add(probability[row], came_true[row])
        total.add_counts(one)
    np.testing.assert_array_equal(total.pixels, both.pixels)
    np.testing.assert_allclose(total.curve(), both.curve())


def test_integers_of_0_and_1_are_taken_as_what_came_true_and_what_is_valid():
    counts = ReliabilityCounts(bins=2)
    probability = np.array([0.1, 0.2, 0.9, 0.8])
    came_true, valid = np.array([0, 1, 1, 255], np.uint8), np.array([1, 1, 1, 0])
    counts.add(probability, came_true, valid.astype(np.uint8))
    said, seen = counts.curve()
    np.testing.assert_allclose(said, [0.15, 0.9])
    np.testing.assert_array_equal(seen, [1 / 2, 1])
    with pytest.raises(ValueError, match="came_true must be bool.* got uint8 255"):
        counts.add(probability, came_true)
