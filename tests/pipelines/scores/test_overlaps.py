import numpy as np
import pytest
from skimage import measure
from skimage.metrics import contingency_table

from pipelines import scores


def test_objects_are_those_of_scikit_image(random):
    mask = random.random((20, 30)) < 0.6
    found = scores.objects(mask)
    expected, count = measure.label(mask, connectivity=1, return_num=True)
    assert found.max() == count
    assert len(np.unique(found * 1000 + expected)) == count + 1


def test_ignored_pixels_cut_an_object():
    mask = np.ones((1, 5), bool)
    valid = np.array([[True, True, False, True, True]])
    np.testing.assert_array_equal(scores.objects(mask, valid), [[1, 1, 0, 2, 2]])


def test_small_objects_are_background():
    mask = np.array([[1, 0, 1, 1, 0, 1], [0, 0, 0, 1, 0, 1]], bool)
    expected = [[0, 0, 1, 1, 0, 2], [0, 0, 0, 1, 0, 2]]
    np.testing.assert_array_equal(scores.objects(mask, smallest=2), expected)
    assert scores.objects(mask, smallest=3).max() == 1
    assert scores.objects(mask, smallest=4).max() == 0


def test_objects_have_the_outlines_of_a_larger_mask():
    cores = np.array([[0, 1, 0, 0, 1, 0, 0, 0]], bool)
    within = np.array([[1, 1, 1, 0, 1, 1, 0, 1]], bool)
    found = scores.objects(cores, within=within)
    np.testing.assert_array_equal(found, [[1, 1, 1, 0, 2, 2, 0, 0]])
    # An ignored pixel is of no object, and none grows through it.
    valid = np.array([[0, 1, 1, 1, 1, 1, 1, 1]], bool)
    found = scores.objects(cores, valid, within=within)
    np.testing.assert_array_equal(found, [[0, 1, 1, 0, 2, 2, 0, 0]])


def test_a_core_that_is_too_small_is_grown_over():
    cores = np.array([[1, 1, 0, 1, 0]], bool)
    found = scores.objects(cores, smallest=2, within=np.ones((1, 5), bool))
    np.testing.assert_array_equal(found, [[1, 1, 1, 1, 1]])


def test_the_larger_mask_is_checked():
    cores = np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="within"):
        scores.objects(cores, within=np.ones((2, 3)))
    with pytest.raises(ValueError, match="within"):
        scores.objects(cores, within=np.ones((3, 2), bool))


def test_pixels_are_counted_by_their_objects():
    true = np.array([[0, 4, 4], [4, 9, 9]])
    predicted = np.array([[2, 2, 0], [2, 2, 7]], np.uint16)
    found = scores.overlap_table(true, predicted).toarray()
    # Rows: 0, 4, 9; columns: 0, 2, 7.
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, 2, 0], [0, 1, 1]])


def test_the_table_is_that_of_scikit_image(random):
    true, predicted = random.integers(0, 6, (2, 15, 15))
    expected = contingency_table(true, predicted).toarray()
    np.testing.assert_array_equal(
        scores.overlap_table(true, predicted).toarray(), expected
    )


def test_label_zero_has_its_row_and_column_even_where_it_does_not_occur():
    table = scores.overlap_table(np.array([[3]]), np.array([[5]])).toarray()
    np.testing.assert_array_equal(table, [[0, 0], [0, 1]])


def test_numbers_of_objects_may_be_huge(random):
    true, predicted = random.integers(0, 6, (2, 5, 5))
    expected = scores.overlap_table(true, predicted).toarray()
    found = scores.overlap_table(true * 10**15, predicted).toarray()
    np.testing.assert_array_equal(found, expected)


def test_ignored_pixels_are_not_counted():
    valid = np.array([[True, False]])
    table = scores.overlap_table(np.array([[1, 2]]), np.array([[1, 1]]), valid)
    np.testing.assert_array_equal(table.toarray(), [[0, 0], [0, 1]])


@pytest.mark.parametrize("wrong", [np.array([[-1]]), np.array([[0.5]])])
def test_labels_that_are_no_numbers_of_objects_are_refused(wrong):
    with pytest.raises(ValueError, match="predicted_labels must hold the numbers"):
        scores.overlap_table(np.array([[1]]), wrong)


def test_true_objects_beside_ignored_pixels_are_in_parts_as_predicted_ones():
    labels = np.array([[5, 5, 9, 5, 5, 7, 0, 7], [0, 0, 9, 5, 5, 7, 7, 7]])
    valid = labels != 9
    # Object 5 is cut; 7 is far away. The part of two pixels may be too small.
    found, scored = scores.without_cuts(labels, valid)
    expected = [[8, 8, 0, 9, 9, 7, 0, 7], [0, 0, 0, 9, 9, 7, 7, 7]]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scored, valid)
    found, scored = scores.without_cuts(labels, valid, smallest=3)
    np.testing.assert_array_equal(found, np.where(np.array(expected) == 8, 0, expected))
    np.testing.assert_array_equal(scored, valid & (np.array(expected) != 8))
    found, scored = scores.without_cuts(labels, np.ones_like(valid))
    np.testing.assert_array_equal(found, labels)
    assert scored.all()


def test_what_is_no_number_of_an_object_is_not_cut():
    labels, valid = np.array([[0.5, 2.0]]), np.array([[True, True]])
    with pytest.raises(ValueError, match="labels must hold .* got float64"):
        scores.without_cuts(labels, valid)
    with pytest.raises(ValueError, match=r"valid .* \(1, 2\) .* got \(2, 1\)"):
        scores.without_cuts(labels.astype(int), valid.T)
