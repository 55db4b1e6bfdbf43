import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from keras_unet.border_weights import (
    balanced_weights,
    border_closeness,
    border_weights,
    closeness_margin,
)

SMALL_LABELS = arrays.arrays(
    dtype=np.int32,
    shape=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    elements=st.sampled_from([0, 0, 0, 3, 4, 9, 1000]),
)


def exponential(labels, w0, sigma):
    """The second term of equation 2, by a whole distance transform for each cell."""
    ids = np.unique(labels[labels > 0])
    if len(ids) < 2:
        return np.zeros(labels.shape)
    distances = [ndimage.distance_transform_edt(labels != i) for i in ids]
    nearest, second = np.sort(distances, axis=0)[:2]
    return w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))


def two_squares(gap):
    """Two cells of 3 x 3 pixels, `gap` columns apart."""
    labels = np.zeros((5, 8 + gap), "uint8")
    labels[1:4, 1:4], labels[1:4, 4 + gap : 7 + gap] = 1, 2
    return labels


@settings(max_examples=80)
@given(SMALL_LABELS, st.floats(0.3, 8))
def test_weights_equal_the_formula_computed_at_every_pixel(labels, sigma):
    if len(np.unique(labels[labels > 0])) < 2:
        labels = ndimage.label(labels)[0]
    weights = border_weights(labels, w0=10, sigma=sigma, balance_classes=False)
    expected = 1 + exponential(labels, 10, sigma)
    np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-6 * 10)


def test_weights_equal_the_formula_for_cells_far_apart():
    generator = np.random.default_rng(0)
    labels = np.zeros((120, 90), "int64")
    for number, (row, column) in enumerate(generator.integers(0, 85, (15, 2)), 1):
        labels[row : row + 6, column : column + 4] = number
    weights = border_weights(labels, balance_classes=False)
    expected = 1 + exponential(labels, 10, 5)
    np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-6 * 10)


@settings(max_examples=60)
@given(
    data=st.data(),
    sigma=st.sampled_from([0.4, 1.0, 1.7]),
    labels=arrays.arrays(
        np.int32, (40, 33), elements=st.sampled_from([0] * 30 + [1, 2, 5])
    ),
)
def test_windows_have_the_values_of_the_whole_image(data, sigma, labels):
    whole = border_closeness(labels, sigma)
    margin = closeness_margin(sigma)
    top = data.draw(st.integers(0, 39))
    left = data.draw(st.integers(0, 32))
    bottom = data.draw(st.integers(top + 1, 40))
    right = data.draw(st.integers(left + 1, 33))
    first_row, first_column = max(0, top - margin), max(0, left - margin)
    part = labels[first_row : bottom + margin, first_column : right + margin]
    found = border_closeness(part, sigma)
    rows = slice(top - first_row, bottom - first_row)
    columns = slice(left - first_column, right - first_column)
    np.testing.assert_array_equal(found[rows, columns], whole[top:bottom, left:right])


def test_the_margin_is_where_the_term_is_negligible():
    # sigma * sqrt(2 * ln(1e7)) = 28.4 pixels for the paper's sigma.
    assert closeness_margin(5.0) == 29
    assert math.exp(-(closeness_margin(5.0) ** 2) / 50) < 1e-7


def test_closeness_takes_every_id_as_one_cell_though_in_pieces():
    labels = np.array([[3, 0, 3]])
    np.testing.assert_array_equal(border_closeness(labels), np.zeros((1, 3)))
    # A mask of the same pixels is two cells.
    weights = border_weights(labels, balance_classes=False)
    np.testing.assert_allclose(weights, 1 + 10 * math.exp(-4 / 50), rtol=1e-6)


def test_closeness_is_the_border_term_without_its_factor():
    labels = two_squares(gap=2)
    weights = border_weights(labels, w0=50, sigma=6, balance_classes=False)
    found = border_closeness(labels, sigma=6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(1 + 50 * found, weights, rtol=1e-6)


def test_balanced_weights_are_those_of_scikit_learn_with_absent_classes_1():
    # n / (k * n_c) with n = 12 and two classes that occur.
    np.testing.assert_allclose(balanced_weights([9, 0, 3]), [12 / 18, 1, 12 / 6])
    counts = np.array([[5, 5], [0, 7], [0, 0]])
    np.testing.assert_allclose(balanced_weights(counts), [[1, 1], [1, 1], [1, 1]])


def test_weights_between_two_squares_are_those_worked_out_by_hand():
    weights = border_weights(two_squares(gap=3), w0=10, sigma=5, balance_classes=False)
    # In the gap d1 + d2 is 1 + 3, 2 + 2, 3 + 1.
    np.testing.assert_allclose(weights[2, 4:7], 1 + 10 * math.exp(-16 / 50), rtol=1e-6)
    # In the cell at the gap 0 + 4; a pixel deeper 0 + 5.
    assert weights[2, 3] == pytest.approx(1 + 10 * math.exp(-16 / 50))
    assert weights[2, 2] == pytest.approx(1 + 10 * math.exp(-25 / 50))
    # Above the middle of the gap: twice sqrt(2**2 + 1**2).
    assert weights[0, 5] == pytest.approx(1 + 10 * math.exp(-20 / 50))


def test_narrow_gaps_weigh_more():
    middles = [border_weights(two_squares(gap))[2, 4] for gap in (1, 2, 4, 8)]
    assert middles == sorted(middles, reverse=True)


def test_class_weights_are_the_inverse_frequency_with_mean_1():
    labels = np.zeros((4, 5), "int32")
    labels[0, :5] = 7
    weights = border_weights(labels)
    # 5 of 20 pixels are foreground: 20 / (2 * 5) and 20 / (2 * 15).
    np.testing.assert_allclose(weights[0], 2)
    np.testing.assert_allclose(weights[1:], 2 / 3, rtol=1e-6)
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("value", [0, 1, 5])
def test_an_image_of_one_class_weighs_1_everywhere(value):
    weights = border_weights(np.full((3, 4), value))
    np.testing.assert_array_equal(weights, np.ones((3, 4)))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64"])
@pytest.mark.parametrize("value", [1, 255])
def test_masks_are_taken_apart_into_connected_components(dtype, value):
    if dtype == "int16":
        value = min(value, 127)
    labels = two_squares(gap=2)
    mask = np.where(labels > 0, value, 0).astype(dtype)
    np.testing.assert_array_equal(border_weights(mask), border_weights(labels))


def test_pixels_of_a_mask_that_touch_at_a_corner_are_two_cells():
    weights = border_weights(np.eye(2, dtype=bool), w0=10, sigma=5)
    # From a cell to the other sqrt(2), from the background 1 + 1.
    np.testing.assert_allclose(np.diag(weights), 1 + 10 * math.exp(-2 / 50), rtol=1e-6)
    assert weights[0, 1] == pytest.approx(1 + 10 * math.exp(-4 / 50))


def test_cells_that_touch_are_told_apart_by_their_ids():
    weights = border_weights(np.array([[1, 2]]), balance_classes=False)
    np.testing.assert_allclose(weights, 1 + 10 * math.exp(-1 / 50), rtol=1e-6)


def test_large_and_missing_ids_cost_nothing():
    labels = two_squares(gap=2)
    large = np.array([0, 17, 2**62])[labels]
    np.testing.assert_array_equal(border_weights(large), border_weights(labels))


def test_the_map_is_float32_of_the_size_of_the_labels():
    weights = border_weights(np.zeros((3, 7), "uint16"))
    assert weights.dtype == np.float32
    assert weights.shape == (3, 7)


def test_hundreds_of_cells_take_seconds_at_most():
    corners = np.arange(0, 1024, 42)
    labels = np.zeros((1024, 1024), "int32")
    for number, (row, column) in enumerate(
        ((row, column) for row in corners for column in corners), start=1
    ):
        labels[row : row + 36, column : column + 36] = number
    start = time.process_time()
    border_weights(labels)
    # Whole transforms of the 625 cells take a minute, their boxes less than a second.
    assert time.process_time() - start < 8


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((2, 3, 1), int), r"\(2, 3, 1\)"),
        (np.zeros(4, int), r"\(4,\)"),
        (np.zeros((0, 4), int), r"\(0, 4\)"),
        (np.zeros((2, 3), "float32"), "float32"),
        (np.array([[0, -1]]), "-1"),
    ],
)
def test_labels_that_are_none_are_refused(labels, words):
    with pytest.raises(ValueError, match=f"labels.*{words}"):
        border_weights(labels)


@pytest.mark.parametrize(
    "setting",
    [{"sigma": 0}, {"sigma": -2.5}, {"sigma": math.nan}, {"w0": -1}, {"w0": math.inf}],
)
def test_settings_out_of_range_are_refused(setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        border_weights(np.zeros((2, 2), int), **setting)
