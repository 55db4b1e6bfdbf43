import math

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error, variation_of_information

from pipelines import scores

# Two cells of 3x3 with a membrane between them.
LABELS = np.array([[1, 1, 1, 0, 2, 2, 2]] * 3)


def test_v_rand_is_one_minus_the_adapted_rand_error_of_scikit_image(random):
    true, predicted = random.integers(0, 5, (2, 20, 20))
    # Scikit-image has no pixels outside of every predicted cell: each is its own cell.
    own = np.where(predicted, predicted, 10 + np.arange(400).reshape(20, 20))
    error, _, _ = adapted_rand_error(true, own)
    assert scores.rand_score(true, predicted) == pytest.approx(1 - error)


def test_v_info_is_built_of_the_conditional_entropies_of_scikit_image(random):
    true, predicted = random.integers(0, 5, (2, 20, 20))
    own = np.where(predicted, predicted, 10 + np.arange(400).reshape(20, 20))
    inside = true > 0
    true_inside, own_inside = true[inside], own[inside]
    conditional = sum(variation_of_information(true_inside, own_inside)) * math.log(2)

    def entropy(labels):
        shares = np.unique(labels, return_counts=True)[1] / labels.size
        return -(shares * np.log(shares)).sum()

    expected = 1 - conditional / (entropy(true_inside) + entropy(own_inside))
    assert scores.information_score(true, predicted) == pytest.approx(expected)


def test_merging_two_equal_cells_scores_by_hand():
    merged = np.ones_like(LABELS)
    # Pairs: in both 2 * 9 * 8, of truth as many, of the prediction 18 * 17.
    assert scores.rand_score(LABELS, merged) == pytest.approx(2 * 144 / (144 + 306))
    # The prediction tells nothing about the cells.
    assert scores.information_score(LABELS, merged) == 0


def test_splitting_a_cell_scores_by_hand():
    true = np.ones((1, 4), int)
    split = np.array([[1, 1, 2, 2]])
    assert scores.rand_score(true, split) == pytest.approx(2 * 4 / (12 + 4))
    assert scores.information_score(true, split) == 0


def test_a_pixel_in_no_predicted_cell_is_a_cell_of_its_own():
    true = np.array([[1, 1, 1, 2, 2, 2]])
    none = scores.rand_score(true, np.array([[1, 1, 0, 2, 2, 0]]))
    own = scores.rand_score(true, np.array([[1, 1, 3, 2, 2, 4]]))
    assert none == own
    none = scores.information_score(true, np.array([[1, 1, 0, 2, 2, 0]]))
    own = scores.information_score(true, np.array([[1, 1, 3, 2, 2, 4]]))
    assert none == pytest.approx(own)


def test_the_same_single_cell_is_perfect_and_no_cell_is_undefined():
    one = np.ones((2, 2), int)
    assert scores.rand_score(one, one) == scores.information_score(one, one) == 1
    for score in (scores.rand_score, scores.information_score):
        assert math.isnan(score(np.zeros((2, 2), int), one))
