import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pipelines import scores
from pipelines.scores import WarpingCounts, splitting, warping

EIGHT = np.ones((3, 3))


def two_cells(height=9, width=16):
    """Cells left and right of a membrane of two columns, with membrane around."""
    truth = np.zeros((height, width), bool)
    truth[1:-1, 1:-1] = True
    truth[:, 7:9] = False
    return truth


def remaining(truth, target, **settings):
    return np.count_nonzero(scores.warp(truth, target, **settings) != target)


def components(mask):
    """Objects through sides and holes through corners, in a frame of outside."""
    framed = np.pad(mask, 1)
    return ndimage.label(framed)[1], ndimage.label(~framed, EIGHT)[1]


def test_simple_points_are_those_whose_flip_changes_no_component_around_them():
    for code in range(256):
        around = np.zeros((3, 3), bool)
        for bit, (row, column) in enumerate(splitting.RING):
            around[row + 1, column + 1] = code >> bit & 1
        # Components next to the pixel, within its eight neighbours.
        inside, _ = ndimage.label(around)
        sides = {inside[0, 1], inside[1, 0], inside[1, 2], inside[2, 1]} - {0}
        outside = ~around
        outside[1, 1] = False
        # Through corners, but not through the pixel itself.
        _, num_outside = ndimage.label(outside, EIGHT)
        expected = len(sides) == 1 and num_outside == 1
        assert warping.simple_points()[code] == expected


def test_warping_keeps_every_object_and_hole(random):
    for _ in range(20):
        truth, target = ndimage.gaussian_filter(
            random.normal(size=(2, 24, 24)), (0, 1.5, 1.5)
        )
        warped = scores.warp(truth > 0, target > 0)
        assert components(warped) == components(truth > 0)
        # And only towards the target.
        assert not np.any((warped != (truth > 0)) & (warped != (target > 0)))


def test_nothing_that_differs_is_left_simple(random):
    truth, target = ndimage.gaussian_filter(random.normal(size=(2, 24, 24)), 1) > 0
    warped = scores.warp(truth, target)
    before = components(warped)
    for row, column in np.argwhere(warped != target):
        flipped = warped.copy()
        flipped[row, column] ^= True
        # Neither more nor fewer in all, or one more and one less elsewhere: not simple.
        around = np.pad(warped, 1)[row : row + 3, column : column + 3]
        code = sum(
            1 << bit
            for bit, (r, c) in enumerate(splitting.RING)
            if around[r + 1, c + 1]
        )
        assert not warping.simple_points()[code]
    assert before == components(truth)


@pytest.mark.parametrize("shift", [-2, -1, 1, 2])
def test_a_border_that_shifts_by_up_to_its_width_costs_nothing(shift):
    truth = two_cells()
    target = truth.copy()
    target[1:-1, 4:12] = True
    target[:, 7 + shift : 9 + shift] = False
    assert remaining(truth, target) == 0


def test_borders_that_are_thicker_or_thinner_cost_nothing():
    truth = two_cells()
    thick, thin = truth.copy(), truth.copy()
    thick[:, 5:11] = False
    thin[1:-1, 7] = True
    assert remaining(truth, thick) == remaining(truth, thin) == 0


def test_a_gap_that_merges_two_cells_costs_a_line_through_it():
    truth = two_cells()
    target = truth.copy()
    target[3:6, 7:9] = True
    # Three rows of two pixels; one column is enough to keep the cells apart.
    assert remaining(truth, target) == 3


def test_a_split_costs_a_line_through_the_wall():
    truth = two_cells()
    target = truth.copy()
    target[:, 3:5] = False
    # The wall of two columns grows from both ends until one row keeps the cell whole.
    assert remaining(truth, target) == 2


def test_a_hole_costs_its_pixels():
    truth = two_cells()
    target = truth.copy()
    target[3:6, 3:6] = False
    assert remaining(truth, target) == 9


def test_an_added_object_costs_its_pixels():
    truth = np.zeros((9, 9), bool)
    truth[1:8, 1:4] = True
    target = truth.copy()
    target[2:4, 6:8] = True
    assert remaining(truth, target) == 4


def test_a_missing_object_costs_one_pixel():
    truth = np.zeros((9, 9), bool)
    truth[2:6, 2:6] = True
    assert remaining(truth, np.zeros_like(truth)) == 1


def test_a_cell_may_withdraw_from_the_border_of_the_image():
    truth = np.ones((6, 6), bool)
    target = truth.copy()
    target[0] = False
    assert remaining(truth, target) == 0


def test_with_a_distance_no_border_shifts_further():
    truth = np.zeros((9, 20), bool)
    truth[2:7, 2:6] = True
    target = truth.copy()
    target[2:7, 2:10] = True
    assert remaining(truth, target) == 0
    # Columns 6 and 7 are within two pixels of the truth, 8 and 9 are not.
    assert remaining(truth, target, distance=2) == 10


def test_the_outside_of_the_image_is_a_border_as_far_as_distances_go():
    # A cell over the whole width, withdrawing from the upper border of the image.
    truth = np.zeros((12, 9), bool)
    truth[:9] = True
    target = truth.copy()
    target[:2] = False
    assert remaining(truth, target, distance=2) == 0
    # Of the second row only its ends are one pixel from the outside.
    assert remaining(truth, target, distance=1) == 7


def test_the_line_that_is_left_is_where_the_prediction_is_least_certain():
    truth = np.zeros((5, 9), bool)
    truth[1:4, 1:3] = truth[1:4, 6:8] = True
    target = np.where(np.pad(truth[1:4, 1:8], 1), 1, 0).astype(np.float32)
    target[1:4, 3:6] = [0.9, 0.9, 0.6]
    warped = scores.warp(truth, target)
    np.testing.assert_array_equal(np.argwhere(warped != (target > 0.5))[:, 1], 5)


def test_the_error_is_that_of_the_best_threshold():
    truth = two_cells()
    probability = np.where(truth, 0.9, 0.1).astype(np.float32)
    # Up to 0.6 a gap of three rows.
    probability[3:6, 7:9] = 0.6
    counts = WarpingCounts()
    counts.add(truth.astype(int), probability)
    assert counts.warping_error() == 0
    counts = WarpingCounts(thresholds=(0.3, 0.5))
    counts.add(truth.astype(int), probability)
    assert counts.warping_error() == pytest.approx(3 / truth.size)


def test_pixels_are_added_up_over_images_before_the_best_is_taken():
    truth = two_cells()
    low, high = np.where(truth, 0.4, 0.1), np.where(truth, 0.9, 0.6)
    counts = WarpingCounts(thresholds=(0.3, 0.7))
    counts.add(truth.astype(int), low)
    counts.add(truth.astype(int), high)
    # At 0.3 the second image is one object, at 0.7 the first is empty but for two
    # pixels, one a cell.
    assert counts.warping_error() == pytest.approx(2 / (2 * truth.size))


def test_the_foreground_may_be_the_membrane():
    truth = two_cells()
    probability = truth.astype(np.float32)
    probability[3:6, 7:9] = 1
    counts = WarpingCounts(inside=0)
    counts.add((~truth).astype(int), 1 - probability)
    assert counts.warping_error() == pytest.approx(3 / truth.size)


def test_ignored_pixels_cost_nothing_and_do_not_count():
    truth = two_cells()
    probability = truth.astype(np.float32)
    valid = np.ones_like(truth)
    valid[2:7, 6:10] = False
    probability[3:6, 7:9] = 1
    counts = WarpingCounts()
    counts.add(truth.astype(int), probability, valid)
    assert counts.warping_error() == 0
    # A hole elsewhere, of 164 - 20 pixels that count.
    probability[3, 3] = 0
    counts = WarpingCounts()
    counts.add(truth.astype(int), probability, valid)
    assert counts.warping_error() == pytest.approx(1 / valid.sum())


def test_without_images_there_is_no_error():
    assert math.isnan(WarpingCounts().warping_error())


def test_real_membranes_may_be_wider_but_not_broken(real_data):
    label = np.asarray(Image.open(real_data / "isbi2012/label/02.png"))[:200, :200]
    cells = label > 0
    assert remaining(cells, cells) == 0
    broken = cells.copy()
    broken[:, ::40] = True
    assert remaining(cells, broken) > 10
