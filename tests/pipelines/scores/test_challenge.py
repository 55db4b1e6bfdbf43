import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.segmentation import watershed

from pipelines import scores
from pipelines.scores import ChallengeScores

# Two cells of 3x3 with a membrane between them.
CELLS = np.array([[1, 1, 1, 0, 1, 1, 1]] * 3)


def scored(y_true, probability, valid=None, **settings):
    challenge = ChallengeScores(**settings)
    challenge.add(y_true, np.asarray(probability, np.float32), valid)
    return challenge


@pytest.fixture
def blobs(random):
    """Cells by chance, and P(inside) that follows them with errors."""
    noise = ndimage.gaussian_filter(random.normal(size=(2, 60, 70)), (0, 4, 4))
    truth = np.abs(noise[0]) > 0.02
    probability = np.clip(np.abs(noise[0] + noise[1] / 4) * 25, 0, 1)
    return truth, probability.astype(np.float32)


def test_borders_vanish_where_the_probability_is_least():
    probability = np.array([[0.9, 0.9, 0.4, 0.1, 0.2, 0.9, 0.9]], np.float32)
    found = scores.thin_borders(probability, 0.5)
    np.testing.assert_array_equal(found[:, :3], 1)
    np.testing.assert_array_equal(found[:, 4:], 2)
    assert found.all()


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_borders_are_thinned_as_by_the_watershed_of_the_whole_image(blobs, threshold):
    _, probability = blobs
    # Without equal values there is one watershed only.
    slope = np.linspace(0, 1e-3, probability.size).reshape(60, 70)
    probability = (probability + slope) / 1.001
    expected = watershed(1 - probability, scores.objects(probability > threshold))
    found = scores.thin_borders(probability, threshold)
    np.testing.assert_array_equal(found, expected)


def test_without_any_cell_there_is_nothing_to_grow():
    assert not scores.thin_borders(np.zeros((3, 3), np.float32), 0.5).any()


def test_the_truth_itself_is_perfect():
    found = scored(CELLS, CELLS)
    assert (found.v_rand(), found.v_info(), found.rand_error()) == (1, 1, 0)


def test_only_the_rand_error_minds_wide_borders():
    thick = np.array([[1, 1, 0, 0, 0, 1, 1]] * 3)
    found = scored(CELLS, thick)
    assert (found.v_rand(), found.v_info()) == (1, 1)
    # 2 cells of 6 instead of 9 pixels.
    assert found.rand_error() == pytest.approx(1 - 2 * 60 / (144 + 60))


def test_the_best_threshold_is_shared_by_all_images(blobs):
    truth, probability = blobs
    parts = [(truth[:, :35], probability[:, :35]), (truth[:, 35:], probability[:, 35:])]
    thresholds = (0.2, 0.4, 0.6)
    both = ChallengeScores(thresholds=thresholds)
    means = np.zeros(3)
    for y_true, part in parts:
        both.add(y_true.astype(np.uint8), part)
        for index, threshold in enumerate(thresholds):
            thinned = scores.thin_borders(part, threshold)
            means[index] += scores.rand_score(scores.objects(y_true), thinned) / 2
    assert both.v_rand() == pytest.approx(means.max())


def test_the_foreground_may_be_the_membrane(blobs):
    truth, probability = blobs
    cells = scored(truth.astype(np.uint8), probability)
    membranes = scored((~truth).astype(np.uint8), 1 - probability, inside=0)
    assert membranes.v_rand() == pytest.approx(cells.v_rand(), abs=1e-3)
    assert membranes.v_info() == pytest.approx(cells.v_info(), abs=1e-3)
    assert membranes.rand_error() == pytest.approx(cells.rand_error(), abs=1e-3)


def test_what_is_predicted_on_ignored_pixels_changes_nothing(blobs, random):
    truth, probability = blobs
    valid = random.random(truth.shape) < 0.9
    other = np.where(valid, probability, 1 - probability)
    y_true = np.where(valid, truth, 255)
    one, two = scored(y_true, probability, valid), scored(y_true, other, valid)
    assert one.v_rand() == two.v_rand() < 1
    assert one.v_info() == two.v_info()
    assert one.rand_error() == two.rand_error()


def test_a_cell_cut_by_ignored_pixels_is_still_perfect():
    y_true = np.array([[1, 1, 1, 255, 1, 1, 1]] * 3)
    found = scored(y_true, np.ones(y_true.shape), y_true != 255)
    assert (found.v_rand(), found.v_info(), found.rand_error()) == (1, 1, 0)


def test_images_without_cells_are_left_out():
    challenge = ChallengeScores()
    challenge.add(np.zeros((3, 3), int), np.ones((3, 3), np.float32))
    assert math.isnan(challenge.v_rand())
    assert math.isnan(challenge.rand_error())
    challenge.add(CELLS, CELLS.astype(np.float32))
    assert challenge.v_rand() == 1


def test_no_cell_predicted_scores_no_pair():
    found = scored(CELLS, np.zeros(CELLS.shape))
    assert found.v_rand() == 0
    # 18 cells of one pixel know the true cell: 2 log 2 / (log 2 + log 18).
    assert found.v_info() == pytest.approx(2 * math.log(2) / math.log(36))


def test_real_membranes_score_worse_the_more_they_break(real_data):
    label = np.asarray(Image.open(real_data / "isbi2012/label/02.png"))[:200, :200]
    cells = label > 0
    values = []
    for gap in (0, 60, 200):
        broken = cells.copy()
        broken[:gap] = True
        found = scored(cells.astype(int), broken, thresholds=(0.5,))
        values.append((found.v_rand(), found.v_info(), -found.rand_error()))
    assert values[0] == (1, 1, 0)
    assert np.all(np.diff(values, axis=0) < 0)
