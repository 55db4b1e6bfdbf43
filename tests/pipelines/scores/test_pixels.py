import warnings

import numpy as np
import pytest
from scipy.spatial import distance

from pipelines import scores
from pipelines.scores import THRESHOLDS, ThresholdCounts

#                 predicted 0  1  2
CONFUSION = np.array([[50, 3, 2], [4, 20, 0], [1, 0, 0]])


def test_pixels_are_counted_by_truth_and_prediction():
    y_true = np.array([[0, 0, 1], [2, 1, 1]], np.uint8)
    y_pred = np.array([[0, 1, 1], [0, 1, 2]], np.uint8)
    found = scores.confusion_matrix(y_true, y_pred, 3)
    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 2, 1], [1, 0, 0]])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "int64"])
def test_counts_equal_a_loop_over_pixels(random, dtype):
    y_true, y_pred = random.integers(0, 4, (2, 13, 9)).astype(dtype)
    expected = np.zeros((4, 4))
    for true, pred in zip(y_true.ravel(), y_pred.ravel(), strict=True):
        expected[true, pred] += 1
    found = scores.confusion_matrix(y_true, y_pred, 4)
    np.testing.assert_array_equal(found, expected)


def test_arrays_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        scores.confusion_matrix(np.zeros((2, 3), int), np.zeros((3, 2), int), 2)


@pytest.mark.parametrize(("name", "wrong"), [("y_true", 3), ("y_pred", -1)])
def test_ids_that_are_no_class_are_refused(name, wrong):
    ids = {"y_true": np.array([0, 1]), "y_pred": np.array([1, 1])}
    ids[name] = np.array([wrong, 1])
    with pytest.raises(ValueError, match=f"{name} .* from 0 to 2, got {wrong}"):
        scores.confusion_matrix(num_classes=3, **ids)


def test_scores_by_class_are_those_worked_out_by_hand():
    found = scores.class_scores(CONFUSION)
    # Class 0: 50 hits, 55 true, 55 predicted; 1: 20, 24, 23; 2: 0, 1, 2.
    np.testing.assert_allclose(found.iou, [50 / 60, 20 / 27, 0])
    np.testing.assert_allclose(found.dice, [100 / 110, 40 / 47, 0])
    np.testing.assert_allclose(found.precision, [50 / 55, 20 / 23, 0])
    np.testing.assert_allclose(found.recall, [50 / 55, 20 / 24, 0])
    assert scores.mean_iou(CONFUSION) == pytest.approx((50 / 60 + 20 / 27) / 3)
    assert scores.mean_scores(CONFUSION) == pytest.approx(
        {
            "iou": (50 / 60 + 20 / 27) / 3,
            "dice": (100 / 110 + 40 / 47) / 3,
            "precision": (50 / 55 + 20 / 23) / 3,
            "recall": (50 / 55 + 20 / 24) / 3,
        }
    )
    assert scores.pixel_error(CONFUSION) == pytest.approx(10 / 80)


def test_a_class_that_does_not_occur_has_no_score_and_enters_no_mean():
    confusion = np.array([[5, 0, 0], [0, 0, 0], [1, 0, 4]])
    found = scores.class_scores(confusion)
    for values in (found.iou, found.dice, found.precision, found.recall):
        assert np.isnan(values[1])
    assert scores.mean_iou(confusion) == pytest.approx((5 / 6 + 4 / 5) / 2)


def test_a_class_never_predicted_has_recall_0_and_no_precision():
    found = scores.class_scores(np.array([[6, 0], [2, 0]]))
    assert np.isnan(found.precision[1])
    assert (found.recall[1], found.iou[1], found.dice[1]) == (0, 0, 0)


def test_a_perfect_prediction_scores_1_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        confusion = np.diag([7, 0, 3])
        assert scores.mean_iou(confusion) == 1
        assert scores.pixel_error(confusion) == 0


def test_dice_follows_from_iou(random):
    found = scores.class_scores(random.integers(0, 100, (5, 5)))
    np.testing.assert_allclose(found.dice, 2 * found.iou / (1 + found.iou))


def test_iou_and_dice_are_one_less_the_distances_of_scipy(random):
    y_true, y_pred = random.integers(0, 2, (2, 50)).astype(bool)
    found = scores.class_scores(
        scores.confusion_matrix(y_true.astype(int), y_pred.astype(int), 2)
    )
    assert found.iou[1] == pytest.approx(1 - distance.jaccard(y_true, y_pred))
    assert found.dice[1] == pytest.approx(1 - distance.dice(y_true, y_pred))


def brute_force(pairs, threshold):
    """Confusion matrix of P > threshold, pixel by pixel."""
    confusion = np.zeros((2, 2), int)
    for y_true, probability in pairs:
        for true, value in zip(y_true.ravel(), probability.ravel(), strict=True):
            confusion[true, int(value > threshold)] += 1
    return confusion


@pytest.fixture
def counted(random):
    pairs = []
    for shape in ((6, 5), (3, 11)):
        probability = random.random(shape, dtype="float32")
        # Values exactly on a threshold, 0 and 1 are where an error would hide.
        probability.flat[:6] = [0, 1, *THRESHOLDS[[0, 28, 49, 98]]]
        pairs.append((random.integers(0, 2, shape), probability))
    counts = ThresholdCounts()
    for y_true, probability in pairs:
        counts.add(y_true, probability)
    return pairs, counts


def test_counts_at_every_threshold_equal_brute_force(counted):
    pairs, counts = counted
    for threshold in THRESHOLDS:
        np.testing.assert_array_equal(
            counts.confusion(float(threshold)), brute_force(pairs, threshold)
        )


def test_pixels_that_are_not_valid_are_not_counted(random):
    y_true, valid = random.integers(0, 2, (8, 9)), random.random((8, 9)) < 0.5
    probability = random.random((8, 9))
    found, expected = scores.ThresholdCounts(), scores.ThresholdCounts()
    found.add(y_true, probability, valid)
    expected.add(y_true[valid], probability[valid])
    np.testing.assert_array_equal(found.confusion(0.5), expected.confusion(0.5))


def test_valid_pixels_may_be_said_by_0_and_1():
    y_true, probability = np.array([[0, 1, 1]]), np.array([[0.1, 0.9, 0.2]])
    found = scores.ThresholdCounts()
    found.add(y_true, probability, np.array([[1, 1, 0]], np.uint8))
    np.testing.assert_array_equal(found.confusion(0.5), [[1, 0], [0, 1]])


def test_the_best_threshold_is_that_of_the_highest_mean_iou(counted):
    pairs, counts = counted
    best = counts.best_threshold()
    values = {
        round(float(threshold), 2): scores.mean_iou(brute_force(pairs, threshold))
        for threshold in THRESHOLDS
    }
    assert values[best] == max(values.values())


def test_of_equal_thresholds_that_nearest_to_a_half_is_taken():
    counts = ThresholdCounts()
    # Perfect from 0.6 up to below 0.8.
    counts.add(np.array([0, 1]), np.array([0.595, 0.8], np.float32))
    assert counts.best_threshold() == 0.6
    counts = ThresholdCounts()
    counts.add(np.array([0, 1]), np.array([0.1, 0.9], np.float32))
    assert counts.best_threshold() == 0.5


def test_of_nearly_equal_thresholds_that_nearest_to_a_half_is_taken():
    counts = ThresholdCounts()
    y_true = np.repeat([0, 1], 5000)
    probability = np.where(y_true, 0.9, 0.1).astype(np.float32)
    # One pixel less is right from 0.3 on: IoUs of 4999/5000 and 5000/5001.
    probability[-1] = 0.3
    counts.add(y_true, probability)
    assert counts.best_threshold() == 0.5
    # Twenty are too many: 4980/5000 and 5000/5020.
    probability[-20:] = 0.3
    counts = ThresholdCounts()
    counts.add(y_true, probability)
    assert counts.best_threshold() == 0.29


def test_images_without_any_foreground_have_a_threshold_too():
    counts = ThresholdCounts()
    counts.add(np.zeros((4, 4), int), np.full((4, 4), 0.3, np.float32))
    assert counts.best_threshold() == 0.5
    np.testing.assert_array_equal(counts.confusion(0.5), [[16, 0], [0, 0]])


def test_counts_of_two_sets_add_up(counted):
    pairs, both = counted
    total = ThresholdCounts()
    for y_true, probability in pairs:
        one = ThresholdCounts()
        one.add(y_true, probability)
        total.add_counts(one)
    for threshold in (0.01, 0.5, 0.99):
        np.testing.assert_array_equal(
            total.confusion(threshold), both.confusion(threshold)
        )


def test_precision_and_recall_at_every_threshold():
    counts = ThresholdCounts()
    counts.add(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1], np.float32))
    precision, recall = counts.precision_recall()
    # Thresholds 0.3 and 0.5.
    assert (precision[29], recall[29]) == pytest.approx((2 / 3, 1))
    assert (precision[49], recall[49]) == pytest.approx((1 / 2, 1 / 2))
    assert np.isnan(precision[-1]) and recall[-1] == 0


def test_without_pixels_scores_are_not_numbers_and_the_threshold_is_a_half():
    nothing = np.zeros((2, 2), np.int64)
    assert np.isnan(scores.mean_iou(nothing)) and np.isnan(scores.pixel_error(nothing))
    assert ThresholdCounts().best_threshold() == 0.5
