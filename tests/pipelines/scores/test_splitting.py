import numpy as np
import pytest
from scipy import ndimage

from pipelines import scores
from pipelines.scores import splitting


def cells():
    """Two cells left and right of a membrane of two columns, 9 by 16."""
    truth = np.zeros((9, 16), bool)
    truth[1:-1, 1:-1] = True
    truth[:, 7:9] = False
    return truth


def counted(truth, target):
    warped = scores.warp(truth, target)
    return scores.splits_and_mergers(warped, warped != target)


def test_a_gap_between_two_cells_merges_by_every_pixel_through_it():
    target = cells()
    target[3:6, 7:9] = True
    assert counted(cells(), target) == 3


def test_a_wall_splits_by_every_pixel_through_it():
    target = cells()
    target[:, 3:5] = False
    assert counted(cells(), target) == 2


def test_neither_holes_nor_whole_objects_count():
    hole, missing, added = cells(), cells(), cells()
    hole[3:6, 3:6] = False
    missing[:, 9:] = False
    truth = np.pad(cells(), 6)
    added = np.pad(added, 6)
    added[1:3, 1:3] = True
    assert counted(cells(), hole) == counted(cells(), missing) == 0
    assert counted(truth, added) == 0


def test_a_cut_ring_is_in_one_piece_where_the_rest_is_near():
    small = np.zeros((11, 11), bool)
    small[1:10, 1:10] = True
    small[2:9, 2:9] = False
    large = np.zeros((71, 71), bool)
    large[1:70, 1:70] = True
    large[2:69, 2:69] = False
    for ring, expected in ((small, 0), (large, 1)):
        cut = ring.copy()
        cut[len(ring) // 2, 1] = False
        assert scores.splits_and_mergers(ring, ring != cut) == expected


def test_counts_are_those_of_labels_made_anew_for_every_pixel(random, monkeypatch):
    monkeypatch.setattr(splitting, "RADIUS", 100)
    monkeypatch.setattr(splitting, "_AT_ONCE", 3)
    truth, target = ndimage.gaussian_filter(random.normal(size=(2, 40, 40)), (0, 1, 1))
    truth, target = truth > 0, target > 0
    warped = scores.warp(truth, target)
    expected = 0
    for row, column in np.argwhere(warped != target):
        framed = np.pad(warped, 1)
        around = np.s_[row : row + 3, column : column + 3]
        before = set(ndimage.label(framed)[0][around].ravel())
        own = {ndimage.label(framed)[0][row + 1, column + 1]}
        framed[row + 1, column + 1] = False
        after = set(ndimage.label(framed)[0][around].ravel()) - {0}
        if own == {0}:
            expected += len(before - {0}) > 1
        else:
            expected += len(after) > 1
    assert expected > 5
    assert scores.splits_and_mergers(warped, warped != target) == expected


def test_the_share_is_that_of_the_best_threshold():
    truth = cells()
    probability = np.where(truth, 0.9, 0.1)
    probability[3:6, 7:9] = 0.6
    # A hole, which is an error of warping alone.
    probability[3, 3] = 0.1
    found = scores.WarpingCounts(thresholds=(0.5, 0.7))
    found.add(truth.astype(int), probability)
    assert found.splits_and_mergers() == 0
    assert found.warping_error() == pytest.approx(1 / truth.size)
    assert found.best_thresholds() == {"warping_error": 0.7, "splits_and_mergers": 0.7}
    found = scores.WarpingCounts(thresholds=(0.5,))
    found.add(truth.astype(int), probability)
    assert found.splits_and_mergers() == pytest.approx(3 / truth.size)
    assert found.warping_error() == pytest.approx(4 / truth.size)
    assert scores.WarpingCounts().best_thresholds() == {}


def test_what_is_no_mask_is_refused():
    warped = np.zeros((2, 3), bool)
    with pytest.raises(ValueError, match="different must be bool, got uint8"):
        scores.splits_and_mergers(warped, warped.astype(np.uint8))
