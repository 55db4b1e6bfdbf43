import hypothesis
import numpy as np
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pipelines.scores import growth

CROSS = ndimage.generate_binary_structure(2, 1)
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)


def test_objects_grow_a_pixel_a_step_and_not_past_the_mask():
    labels = np.array([[0, 0, 0, 7, 0, 0], [0, 0, 0, 0, 0, 0]])
    within = np.array([[1, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1]], bool)
    assert growth.grow(labels, within, 1).tolist() == [
        [0, 0, 7, 7, 0, 0],
        [0, 0, 0, 7, 0, 0],
    ]
    assert growth.grow(labels, within, 3).tolist() == [
        [7, 7, 7, 7, 0, 0],
        [0, 0, 0, 7, 7, 7],
    ]
    assert labels.sum() == 7


def test_where_two_objects_meet_the_greater_number_wins():
    labels = np.array([[2, 0, 0, 0, 5]])
    grown = growth.grow(labels, np.ones((1, 5), bool))
    assert grown.tolist() == [[2, 2, 5, 5, 5]]


def test_objects_grow_by_eight_pixels():
    labels = np.zeros((1, 12), np.uint32)
    labels[0, 0] = 1
    grown = growth.grow(labels, np.ones((1, 12), bool))
    assert grown.tolist() == [[1] * 9 + [0] * 3]
    assert grown.dtype == np.uint32


@hypothesis.given(strategies.data(), strategies.integers(0, 10))
def test_growth_is_a_dilation_within_the_mask(data, steps):
    shape = data.draw(SHAPES)
    cores = strategies.sampled_from([0, 0, 0, 0, 1, 2, 3])
    labels = data.draw(arrays.arrays(np.int32, shape, elements=cores))
    within = data.draw(arrays.arrays(bool, shape))
    expected = labels.copy()
    for _ in range(steps):
        dilated = ndimage.maximum_filter(expected, footprint=CROSS, mode="constant")
        expected = np.where(within & (expected == 0), dilated, expected)
    np.testing.assert_array_equal(growth.grow(labels, within, steps), expected)
