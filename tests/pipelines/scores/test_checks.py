import numpy as np
import pytest

from pipelines import scores
from pipelines.scores import checks


def test_arrays_of_other_shapes_are_named():
    arrays = {"truth": np.zeros((2, 3)), "target": np.zeros((3, 2))}
    with pytest.raises(ValueError, match=r"truth and target .* \(2, 3\) and \(3, 2\)"):
        checks.check_one_shape(**arrays)


def test_an_axis_too_many_is_refused():
    with pytest.raises(ValueError, match=r"mask must be \(height, width\)"):
        checks.check_one_shape(mask=np.zeros((2, 3, 1)))


def test_every_pixel_is_scored_unless_told():
    assert checks.scored_pixels(None, (2, 3)).all()
    valid = np.array([[True, False]])
    assert checks.scored_pixels(valid, (1, 2)) is valid


def test_a_valid_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\) .* got \(3, 2\)"):
        checks.scored_pixels(np.ones((3, 2), bool), (2, 3))


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_integers_of_0_and_1_are_a_mask(dtype):
    found = checks.scored_pixels(np.array([[0, 1, 1]], dtype), (1, 3))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, [[False, True, True]])


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        (np.array([0, 255], np.uint8), "uint8 255"),
        (np.array([0, -1]), "int64 -1"),
        (np.array([0.0, 1.0]), "float64"),
    ],
)
def test_other_numbers_are_no_mask(mask, got):
    with pytest.raises(ValueError, match=f"came_true must be bool.*got {got}. Compare"):
        checks.mask_of("came_true", mask)


def test_floats_are_no_class_ids():
    y_true, probability = np.array([[0, 1]]), np.array([[0.2, 0.9]])
    taking = (
        lambda: scores.confusion_matrix(y_true, probability, 2),
        lambda: scores.BoundaryCounts(2).add(y_true, probability),
        lambda: scores.ThresholdCounts().add(probability, probability),
        lambda: scores.ChallengeScores().add(probability, probability),
        lambda: scores.WarpingCounts().add(probability, probability),
    )
    for take in taking:
        with pytest.raises(ValueError, match="integers from 0 to 1, got float64"):
            take()


def test_bools_are_class_ids_of_two_classes():
    checks.check_class_ids(2, y_true=np.array([True, False]))
    found = scores.confusion_matrix(np.array([True, False]), np.array([True, True]), 2)
    np.testing.assert_array_equal(found, [[0, 1], [0, 1]])


def test_the_inside_is_the_class_that_is_named():
    y_true = np.array([[0, 1, 255]])
    probability = np.array([[0.25, 0.75, 0.5]])
    valid = y_true < 255
    inside, of_inside = checks.inside_of(y_true, probability, 1, valid)
    np.testing.assert_array_equal(inside, [[False, True, False]])
    np.testing.assert_array_equal(of_inside, [[0.25, 0.75, 0.5]])
    inside, of_inside = checks.inside_of(y_true, probability, 0, valid)
    np.testing.assert_array_equal(inside, [[True, False, False]])
    np.testing.assert_array_equal(of_inside, [[0.75, 0.25, 0.5]])


def test_an_inside_that_is_no_class_of_two_is_refused():
    with pytest.raises(ValueError, match="inside must be .* 0 or 1, got 2"):
        checks.inside_of(np.zeros((1, 1)), np.zeros((1, 1)), 2)


def test_masks_of_0_and_255_are_no_class_ids_unless_ignored():
    mask = np.array([[0, 255]], np.uint8)
    probability = mask / 255.0
    adding = (
        lambda valid: scores.BoundaryCounts(2).add(mask, mask, valid),
        lambda valid: scores.ThresholdCounts().add(mask, probability, valid),
        lambda valid: scores.ChallengeScores().add(mask, probability, valid),
        lambda valid: scores.WarpingCounts().add(mask, probability, valid),
    )
    for add in adding:
        with pytest.raises(ValueError, match="y_true .* from 0 to 1, got 255"):
            add(None)
        add(mask < 255)


# Two cells with a membrane between them.
CELLS = np.array([[1, 1, 1, 0, 1, 1, 1]] * 3)
TAKING = {
    "ThresholdCounts": lambda *image: scores.ThresholdCounts().add(*image),
    "ReliabilityCounts": lambda y_true, probability, valid=None: (
        scores.ReliabilityCounts().add(probability, y_true == 1, valid)
    ),
    "ChallengeScores": lambda *image: scores.ChallengeScores().add(*image),
    "WarpingCounts": lambda *image: scores.WarpingCounts().add(*image),
    "thin_borders": lambda y_true, probability, valid=None: scores.thin_borders(
        probability, 0.5, valid
    ),
    "warp": lambda y_true, probability, valid=None: scores.warp(
        y_true == 1, probability, valid=valid
    ),
}


@pytest.fixture(params=TAKING)
def take(request):
    """A score that takes probabilities: (y_true, probability, valid)."""
    return TAKING[request.param]


@pytest.mark.parametrize(("dtype", "one"), [("uint8", 255), ("uint16", 65535)])
def test_integers_that_stand_for_probabilities_are_refused(take, dtype, one):
    probability = (CELLS * one).astype(dtype)
    with pytest.raises(ValueError, match=f"got {dtype} {one}. Divide .* 255 or 65535"):
        take(CELLS, probability)
    take(CELLS, probability / one)


@pytest.mark.parametrize("value", [1.01, -0.01, 255.0, np.inf, np.nan])
def test_floats_that_are_no_probabilities_are_refused_where_scored(take, value):
    probability = CELLS.astype(np.float32)
    probability[0, 1] = value
    with pytest.raises(ValueError, match=f"from 0 to 1, got float32 {value:g}"):
        take(CELLS, probability)
    valid = np.ones(CELLS.shape, bool)
    valid[0, 1] = False
    take(CELLS, probability, valid)


def test_a_valid_of_another_shape_is_refused_by_every_score(take):
    with pytest.raises(ValueError, match=r"valid .* \(3, 7\) .* got \(7, 3\)"):
        take(CELLS, CELLS, CELLS.T == 1)


@pytest.mark.parametrize("name", sorted(TAKING.keys() - {"thin_borders"}))
def test_a_probability_of_another_shape_is_refused_by_every_score(name):
    with pytest.raises(ValueError, match=r"one shape, got \(\d, \d\) and \(\d, \d\)"):
        TAKING[name](CELLS, CELLS.T)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_a_mask_is_a_probability_of_0_and_1(take, dtype):
    take(CELLS, CELLS.astype(dtype))
    found = checks.check_probability("mask", CELLS.astype(dtype))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, CELLS)


def test_texts_are_no_probabilities():
    with pytest.raises(ValueError, match="target must hold probabilities.* got <U1"):
        checks.check_probability("target", np.array([["1"]]))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_sum_that_is_rounded_is_cut_off_at_1(dtype):
    last = np.finfo(dtype).eps
    found = checks.check_probability("p", np.array([1 + last, -last], dtype))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, [1, 0])


def test_a_map_of_predict_scores_alike_once_it_is_divided():
    challenge, warping = scores.ChallengeScores(), scores.WarpingCounts()
    for found in (challenge, warping):
        found.add(CELLS, (CELLS * 65535).astype(np.uint16) / 65535)
    assert (challenge.v_rand(), challenge.v_info(), warping.warping_error()) == (
        1,
        1,
        0,
    )
