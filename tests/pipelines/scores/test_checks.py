import numpy as np
import pytest

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
    inside, of_inside = checks.inside_of(y_true, probability, 1)
    np.testing.assert_array_equal(inside, [[False, True, False]])
    np.testing.assert_array_equal(of_inside, [[0.25, 0.75, 0.5]])
    inside, of_inside = checks.inside_of(y_true, probability, 0)
    np.testing.assert_array_equal(inside, [[True, False, False]])
    np.testing.assert_array_equal(of_inside, [[0.75, 0.25, 0.5]])


def test_an_inside_that_is_no_class_of_two_is_refused():
    with pytest.raises(ValueError, match="inside must be .* 0 or 1, got 2"):
        checks.inside_of(np.zeros((1, 1)), np.zeros((1, 1)), 2)
