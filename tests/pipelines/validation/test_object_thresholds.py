import dataclasses

import numpy as np
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.dataset.mask_values import IGNORED
from pipelines.validation import ObjectThresholds, Segmented, true_objects


@pytest.fixture
def dataset(write_pair, folders):
    """Two objects that touch, each 8x8, with ids 3 and 7."""
    mask = np.zeros((10, 20), np.uint8)
    mask[1:9, 2:10], mask[1:9, 10:18] = 3, 7
    write_pair("a.png", mask)
    return load_dataset(DataConfig(**folders, mask_kind="instances"))


def segmented(dataset, probability):
    y_true = dataset.mask(0)
    probability = probability.astype(np.float32)[..., np.newaxis]
    return Segmented(
        0,
        "a",
        dataset.image(0),
        y_true,
        probability,
        probability,
    )


def best(dataset, probability, of_masks):
    found = ObjectThresholds(dataset, 1, of_masks)
    found.add(segmented(dataset, probability))
    return found.best()


def test_objects_that_touch_are_told_apart_at_a_threshold_of_their_own(dataset):
    # A doubtful line between them, as a net puts it out.
    probability = np.where(dataset.mask(0) == 1, 0.9, 0.1)
    probability[:, 9:11] = 0.62
    # At 0.6 they are one.
    assert best(dataset, probability, of_masks=0.4) == 0.65


# A pair that touches beside so many others: as one object it matches one of the two, so
# that the average precision is 51 / 52 and 401 / 402.
@pytest.mark.parametrize(("others", "expected"), [(50, 0.65), (400, 0.4)])
def test_a_threshold_that_finds_hardly_more_objects_is_not_taken(
    write_pair, folders, others, expected
):
    mask = np.zeros((others // 10 * 3, 36), np.uint16)
    mask[::3, 6::3] = mask[1::3, 6::3] = 1 + np.arange(others).reshape(-1, 10)
    mask[1:9, :2], mask[1:9, 2:4] = others + 1, others + 2
    write_pair("a.png", mask)
    dataset = load_dataset(DataConfig(**folders, mask_kind="instances"))
    probability = np.where(dataset.mask(0) == 1, 0.9, 0.1)
    probability[:, 1:3] = np.minimum(probability[:, 1:3], 0.62)
    assert best(dataset, probability, of_masks=0.4) == expected


# At 0.15 the objects are one, at 0.99 there are none.
@pytest.mark.parametrize(("of_masks", "expected"), [(0.1, 0.2), (0.99, 0.8)])
def test_of_equals_that_near_the_masks_threshold_is_taken(dataset, of_masks, expected):
    probability = np.where(dataset.mask(0) == 1, 0.95, 0.05)
    probability[:, 9:11] = 0.2
    assert best(dataset, probability, of_masks) == expected


def test_the_threshold_of_masks_is_tried_too_and_wins_where_it_is_as_good(dataset):
    probability = np.where(dataset.mask(0) == 1, 0.95, 0.05)
    probability[:, 9:11] = 0.2
    assert best(dataset, probability, of_masks=0.44) == 0.44


def test_faint_objects_are_found_at_a_low_threshold(dataset):
    probability = np.where(dataset.mask(0) == 1, 0.25, 0.01)
    probability[:, 9:11] = 0.17
    assert best(dataset, probability, of_masks=0.5) == 0.2


def test_without_objects_it_is_that_of_masks(dataset):
    assert ObjectThresholds(dataset, 1, 0.37).best() == 0.37
    assert best(dataset, np.zeros((10, 20)), of_masks=0.37) == 0.37


def test_true_objects_of_a_part_are_ids_but_where_ignored(dataset):
    whole = segmented(dataset, np.zeros((10, 20)))
    y_true = whole.y_true[2:6, 5:17].copy()
    y_true[0] = IGNORED
    part = dataclasses.replace(whole, top=2, left=5, y_true=y_true)
    labels, found_scored = true_objects(dataset, part, 1)
    # Both touch ignored pixels, and are numbered anew.
    expected = np.repeat([[0], [1], [1], [1]], 12, axis=1) * ([8] * 5 + [9] * 7)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(found_scored, y_true != IGNORED)


def test_true_objects_of_other_masks_are_components(dataset):
    coding = dataclasses.replace(dataset.coding, kind="binary")
    binary = dataclasses.replace(dataset, coding=coding)
    whole = segmented(dataset, np.zeros((10, 20)))
    assert true_objects(binary, whole, 1)[0].max() == 1
    outside = true_objects(binary, whole, 1, inside=0)[0]
    np.testing.assert_array_equal(outside > 0, whole.y_true == 0)
