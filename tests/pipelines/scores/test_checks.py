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


@pytest.mark.parametrize("valid", [np.ones((2, 2), bool), np.ones((2, 3), np.uint8)])
def test_a_valid_that_is_no_mask_of_the_image_is_refused(valid):
    with pytest.raises(ValueError, match=r"valid must be bool \(2, 3\)"):
        checks.scored_pixels(valid, (2, 3))


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


def test_nan_is_background_in_every_score():
    y_true = np.array([[1, 1, 0, 1, 1, 1]])
    probability = np.array([[1, 1, np.nan, 1, 1, np.nan]])
    challenge, warping = scores.ChallengeScores(), scores.WarpingCounts()
    for found in (challenge, warping):
        found.add(y_true, probability)
    assert (challenge.v_rand(), warping.warping_error()) == (1, 0)
    thin = scores.thin_borders(probability, 0.5)
    np.testing.assert_array_equal(thin, [[1, 1, thin[0, 2], 2, 2, 2]])
    inside, of_inside = checks.inside_of(1 - y_true, probability, 0)
    assert of_inside[0, 2] == of_inside[0, 5] == 1
