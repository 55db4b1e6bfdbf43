import warnings

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.spatial import distance
from skimage.metrics import hausdorff_distance
from skimage.segmentation import find_boundaries

from pipelines import scores
from pipelines.scores import BoundaryCounts


def square(top, left, size=5, shape=(16, 18)):
    mask = np.zeros(shape, bool)
    mask[top : top + size, left : left + size] = True
    return mask


def counted(*pairs, **settings):
    counts = BoundaryCounts(2)
    for y_true, y_pred, *valid in pairs:
        y_true, y_pred = y_true.astype(np.uint8), y_pred.astype(np.uint8)
        counts.add(y_true, y_pred, *valid, **settings)
    return counts


def test_the_boundary_is_the_rim_inside_the_class():
    found = scores.boundary(square(3, 4))
    expected = square(3, 4) & ~square(4, 5, 3)
    np.testing.assert_array_equal(found, expected)


def test_the_boundary_is_the_inner_one_of_scikit_image(random):
    mask = ndimage.gaussian_filter(random.normal(size=(30, 40)), 2) > 0
    expected = find_boundaries(mask, connectivity=1, mode="inner")
    np.testing.assert_array_equal(scores.boundary(mask), expected)


def test_class_ids_are_no_mask():
    ids = square(3, 4).astype(np.uint8)
    with pytest.raises(ValueError, match="mask must be bool, got uint8"):
        scores.boundary(ids)
    with pytest.raises(ValueError, match="y_pred must be bool, got uint8"):
        scores.surface_distances(ids == 1, ids)


def test_the_border_of_the_image_is_no_boundary():
    mask = np.zeros((4, 5), bool)
    mask[:, :3] = True
    expected = np.zeros_like(mask)
    expected[:, 2] = True
    np.testing.assert_array_equal(scores.boundary(mask), expected)
    assert not scores.boundary(np.ones((4, 5), bool)).any()


def test_ignored_pixels_make_no_boundary_and_have_none():
    mask = square(3, 4)
    valid = np.ones_like(mask)
    valid[:, 8:] = False
    found = scores.boundary(mask, valid)
    expected = scores.boundary(mask)
    expected[:, 8:] = False
    # Column 7 has ignored pixels on its right: only its ends are at the background.
    np.testing.assert_array_equal(found, expected)
    assert found[3, 7] and not found[5, 7]


def test_a_square_that_shifts_is_as_far_away_as_it_shifts():
    found = scores.surface_distances(square(3, 4), square(3, 7))
    # The left sides are three pixels apart.
    assert found.hausdorff95() == 3
    assert found.from_true.max() == found.from_predicted.max() == 3


def test_distances_equal_those_between_all_points(random):
    noise = ndimage.gaussian_filter(random.normal(size=(2, 20, 30)), (0, 2, 2))
    true, predicted = noise > 0
    size = np.array([0.5, 2.0])
    pairs = distance.cdist(
        np.argwhere(scores.boundary(true)) * size,
        np.argwhere(scores.boundary(predicted)) * size,
    )
    found = scores.surface_distances(true, predicted, (0.5, 2.0))
    np.testing.assert_allclose(found.from_true, pairs.min(axis=1))
    np.testing.assert_allclose(found.from_predicted, pairs.min(axis=0))
    expected = max(np.percentile(pairs.min(axis=axis), 95) for axis in (0, 1))
    assert found.hausdorff95() == pytest.approx(expected)
    both = np.concatenate([pairs.min(axis=0), pairs.min(axis=1)])
    assert found.mean() == pytest.approx(both.mean())


def test_the_largest_distance_is_the_hausdorff_distance_of_scikit_image(random):
    noise = ndimage.gaussian_filter(random.normal(size=(2, 20, 30)), (0, 2, 2))
    true, predicted = noise > 0
    found = scores.surface_distances(true, predicted)
    expected = hausdorff_distance(scores.boundary(true), scores.boundary(predicted))
    largest = max(found.from_true.max(), found.from_predicted.max())
    assert largest == pytest.approx(expected)


def test_a_few_points_far_away_do_not_count():
    # 200 boundary pixels on each side of a straight edge, and a speck far from it.
    true = np.zeros((200, 30), bool)
    true[:, :10] = True
    predicted = true.copy()
    predicted[100, 28] = True
    assert scores.surface_distances(true, predicted).hausdorff95() == 0


def test_the_truth_itself_is_perfect():
    found = counted((square(3, 4), square(3, 4)))
    np.testing.assert_array_equal(found.boundary_f1(), [1, 1])
    np.testing.assert_array_equal(found.hausdorff95(), [0, 0])


def test_boundary_f1_is_that_worked_out_by_hand():
    true, predicted = square(3, 4), square(3, 4)
    # A speck far away: 16 of 17 predicted points are right, all true ones are found.
    predicted[14, 16] = True
    found = counted((true, predicted)).boundary_f1()[1]
    precision = 16 / 17
    assert found == pytest.approx(2 * precision / (precision + 1))


def test_the_tolerance_decides_what_is_found():
    pair = (square(3, 4), square(3, 7))
    assert counted(pair, tolerance=3.0).boundary_f1()[1] == 1
    assert counted(pair, tolerance=2.9).boundary_f1()[1] < 1


def test_with_a_pixel_size_distances_and_tolerance_are_in_its_units():
    pair = (square(3, 4), square(3, 7))
    found = counted(pair, pixel_size=(1.0, 0.5), tolerance=1.5)
    assert found.hausdorff95()[1] == 1.5
    assert found.boundary_f1()[1] == 1


def test_points_are_added_up_over_images_and_distances_averaged():
    near, far = (square(3, 4), square(3, 5)), (square(3, 4), square(9, 12))
    both = counted(near, far)
    expected = [counted(near).hausdorff95(), counted(far).hausdorff95()]
    np.testing.assert_allclose(both.hausdorff95(), np.mean(expected, axis=0))
    # All 16 points of the first, none of the 16 of the second, on both sides.
    assert both.boundary_f1()[1] == pytest.approx(0.5)


@pytest.mark.parametrize("turned", [False, True])
def test_a_class_on_one_side_only_is_a_diagonal_away_and_found_nowhere(turned):
    pair = [square(3, 4), np.zeros((16, 18), bool)]
    found = counted(pair[::-1] if turned else pair, tolerance=1000.0)
    assert found.hausdorff95()[1] == pytest.approx(np.hypot(16, 18))
    assert found.boundary_f1()[1] == 0


def test_a_class_without_boundaries_has_no_score_and_gives_no_warning():
    empty = np.zeros((6, 6), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = counted((empty, empty))
        assert np.isnan(found.boundary_f1()).all()
        assert np.isnan(found.hausdorff95()).all()
        assert np.isnan(scores.surface_distances(empty, empty).mean())


def test_an_image_without_boundaries_does_not_change_the_mean():
    pair, empty = (square(3, 4), square(3, 7)), np.zeros((6, 6), bool)
    one, two = counted(pair), counted(pair, (empty, empty))
    np.testing.assert_array_equal(one.hausdorff95(), two.hausdorff95())
    np.testing.assert_array_equal(one.boundary_f1(), two.boundary_f1())


def test_what_is_predicted_on_ignored_pixels_changes_nothing():
    true, valid = square(3, 4), np.ones((16, 18), bool)
    valid[10:, 10:] = False
    found = counted((true, true | square(10, 12, 4), valid))
    np.testing.assert_array_equal(found.boundary_f1(), [1, 1])
    np.testing.assert_array_equal(found.hausdorff95(), [0, 0])


def test_real_membranes_score_worse_the_further_they_shift(real_data):
    label = np.asarray(Image.open(real_data / "isbi2012/label/02.png"))[:200, :200]
    cells = label > 0
    found = [counted((cells, np.roll(cells, shift, 0))) for shift in (0, 2, 4)]
    f1 = [one.boundary_f1() for one in found]
    np.testing.assert_array_equal(f1[0], [1, 1])
    assert np.all(np.diff(f1, axis=0) < 0)
    assert np.all(np.diff([one.hausdorff95() for one in found], axis=0) > 0)
