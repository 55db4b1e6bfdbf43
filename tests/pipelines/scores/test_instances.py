import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, optimize
from skimage.segmentation import expand_labels

from pipelines import scores
from pipelines.scores import IOU_THRESHOLDS, InstanceCounts

#                  IoU of 1: 4 of 5 pixels; of 2: 2 of 4; 3 is missed, 4 is too much.
TRUE = np.array([[1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 3]])
PREDICTED = np.array([[5, 5, 5, 5, 0, 0, 6, 6, 0, 0, 4, 0]])


def brute_force(true, predicted, threshold):
    """As many matches as possible, of the largest IoU: by optimal assignment."""
    rows = [number for number in np.unique(true) if number]
    columns = [number for number in np.unique(predicted) if number]
    iou = np.zeros((len(rows), len(columns)))
    for row, one in enumerate(rows):
        for column, other in enumerate(columns):
            both = np.sum((true == one) & (predicted == other))
            iou[row, column] = both / np.sum((true == one) | (predicted == other))
    worth = np.where(iou >= threshold, 1 + iou / (2 * max(1, len(rows))), 0)
    pairs = optimize.linear_sum_assignment(worth, maximize=True)
    matched = iou[pairs] >= threshold
    return matched.sum(), len(rows), len(columns), iou[pairs][matched].sum()


def squares(random, jitter):
    """Two label images of squares that lie nearly alike."""
    images = np.zeros((2, 40, 40), np.uint16)
    for number in range(12):
        top, left = random.integers(0, 33, 2)
        for image in images:
            down, right = random.integers(0, jitter + 1, 2)
            rows = slice(top + down, top + down + 6)
            image[rows, left + right : left + right + 6] = 3 * number + 1
    return images


def test_matches_are_those_worked_out_by_hand():
    found = scores.match_objects(TRUE, PREDICTED, 0.5)
    assert (found.matched, found.num_true, found.num_predicted) == (2, 3, 3)
    assert found.average_precision == pytest.approx(2 / 4)
    assert found.mean_matched_iou == pytest.approx((0.8 + 0.5) / 2)
    assert found.panoptic_quality == pytest.approx((0.8 + 0.5) / 3)


@pytest.mark.parametrize(("threshold", "expected"), [(0.55, 1), (0.8, 1), (0.85, 0)])
def test_an_iou_of_the_threshold_matches(threshold, expected):
    assert scores.match_objects(TRUE, PREDICTED, threshold).matched == expected


@pytest.mark.parametrize("jitter", [1, 2])
def test_matches_equal_the_best_assignment(random, jitter):
    for _ in range(5):
        true, predicted = squares(random, jitter)
        for threshold in (0.5, 0.6, 0.75):
            found = scores.match_objects(true, predicted, threshold)
            expected = brute_force(true, predicted, threshold)
            assert (found.matched, found.num_true, found.num_predicted) == expected[:3]
            assert found.iou_sum == pytest.approx(expected[3])


def test_an_object_matches_once_even_if_two_share_it_equally():
    true = np.array([[1, 1, 1, 1]])
    predicted = np.array([[1, 1, 2, 2]])
    found = scores.match_objects(true, predicted, 0.5)
    assert (found.matched, found.iou_sum) == (1, 0.5)
    found = scores.match_objects(predicted, true, 0.5)
    assert (found.matched, found.iou_sum) == (1, 0.5)


def test_a_chain_of_half_matches_gives_as_many_pairs_as_possible():
    # 1 fits 1 or 2, and 2 fits 2 only, each with an IoU of a half: both find a partner.
    true = np.array([[1, 1, 1, 1, 0, 0], [2, 2, 0, 0, 0, 0]])
    predicted = np.array([[1, 1, 2, 2, 0, 0], [3, 0, 0, 0, 0, 0]])
    found = scores.match_objects(true, predicted, 0.5)
    assert found.matched == brute_force(true, predicted, 0.5)[0] == 2


def test_thresholds_are_those_of_stardist():
    assert IOU_THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def test_counts_are_added_up_over_images_then_divided(random):
    pairs = [squares(random, 2) for _ in range(3)]
    counts = InstanceCounts()
    for pair in pairs:
        counts.add(*pair)
    found = counts.average_precision()
    assert list(found) == [f"{threshold:g}" for threshold in IOU_THRESHOLDS]
    for threshold in (0.5, 0.75):
        sums = np.sum([brute_force(*pair, threshold) for pair in pairs], axis=0)
        expected = sums[0] / (sums[1] + sums[2] - sums[0])
        assert found[f"{threshold:g}"] == pytest.approx(expected)


def test_numbers_of_objects_do_not_matter(random):
    true, predicted = squares(random, 1)
    found = scores.match_objects(true, predicted)
    assert scores.match_objects(true.astype(int) * 1000, predicted) == found


def test_without_objects_there_is_no_score():
    empty = np.zeros((3, 3), int)
    found = scores.match_objects(empty, empty)
    assert found.matched == 0
    assert math.isnan(found.average_precision)
    assert math.isnan(found.panoptic_quality)
    assert math.isnan(found.mean_matched_iou)


@pytest.mark.parametrize("turned", [False, True])
def test_objects_on_one_side_only_score_0(turned):
    pair = [np.ones((3, 3), int), np.zeros((3, 3), int)]
    found = scores.match_objects(*(pair[::-1] if turned else pair))
    assert found.average_precision == found.panoptic_quality == 0


def test_ignored_pixels_belong_to_no_object():
    valid = np.ones(TRUE.shape, bool)
    # The last pixel of object 1, and all of 3 and 4.
    valid[0, [4, 10, 11]] = False
    found = scores.match_objects(TRUE, PREDICTED, 0.5, valid)
    assert (found.matched, found.num_true, found.num_predicted) == (2, 2, 2)
    assert found.iou_sum == pytest.approx(1 + 0.5)


def test_a_threshold_below_a_half_is_refused():
    with pytest.raises(ValueError, match="at least 0.5, got 0.3"):
        scores.match_objects(TRUE, PREDICTED, 0.3)


def test_real_nuclei_match_less_the_more_they_grow(real_data):
    path = sorted(real_data.glob("dsb2018_fluo/mask*/*"))[0]
    true = np.asarray(Image.open(path))[:160, :160].astype(int)
    values = []
    for distance in (0, 1, 3):
        counts = InstanceCounts()
        counts.add(true, expand_labels(true, distance))
        values.append(list(counts.average_precision().values()))
    np.testing.assert_array_equal(values[0], 1)
    assert np.all(np.diff(values, axis=0) <= 0) and values[2][-1] < 0.5
    # Seen as a mask only, nuclei that touch are one object.
    merged = scores.match_objects(true, scores.objects(true > 0))
    assert merged.num_predicted == ndimage.label(true > 0)[1]
