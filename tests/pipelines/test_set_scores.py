import dataclasses
import math

import numpy as np
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.set_scores import SetScores, defined, pixel_sizes, tolerance
from pipelines.validation import Segmented


@pytest.fixture(scope="module")
def dataset(discs):
    return load_dataset(
        DataConfig(images=str(discs / "images"), masks=str(discs / "masks"))
    )


def segmented(dataset, index, shift=0):
    """What a net that is right, or off by some pixels, puts out."""
    y_true = dataset.mask(index)
    probability = np.roll(y_true, shift, axis=1).astype(np.float32)[..., None]
    scored = np.ones(y_true.shape, bool)
    image = dataset.image(index)
    logits = probability * 8 - 4
    return Segmented(index, str(index), image, y_true, logits, probability, scored)


def test_the_truth_scores_best_everywhere(dataset):
    found = SetScores(dataset, 2, 0.5)
    for index in range(2):
        found.add(segmented(dataset, index))
    result = found.result()
    assert result.boundary_f1 == [1, 1]
    assert result.hausdorff95 == [0, 0]
    assert (result.v_rand, result.v_info) == pytest.approx((1, 1))
    assert (result.rand_error, result.warping_error) == pytest.approx((0, 0))
    assert set(result.average_precision.values()) == {1.0}


def test_a_shift_shows_in_the_distance(dataset):
    found = SetScores(dataset, 2, 0.5, quick=True)
    found.add(segmented(dataset, 0, shift=3))
    result = found.result()
    assert 2 <= result.hausdorff95[1] <= 3
    assert result.v_rand is result.warping_error is None


def test_three_classes_have_no_scores_of_objects(dataset):
    result = SetScores(dataset, 3, None).result()
    assert result.average_precision is result.v_rand is None
    assert result.boundary_f1 == [None] * 3


def test_distances_are_in_the_unit_that_all_images_have(dataset):
    facts = dataset.facts[:2]
    assert pixel_sizes(facts) == ([(1.0, 1.0)] * 2, "pixels")
    sized = [dataclasses.replace(one, pixel_size=(0.5, 0.25, "µm")) for one in facts]
    assert pixel_sizes(sized) == ([(0.5, 0.25)] * 2, "µm")
    assert pixel_sizes([sized[0], facts[1]])[1] == "pixels"


def test_a_tolerance_in_pixels_is_a_length():
    assert tolerance((1.0, 1.0)) == pytest.approx(2.0, rel=1e-5)
    assert tolerance((0.5, 2.0)) == pytest.approx(2.0, rel=1e-5)


def test_what_is_no_number_is_none():
    assert (defined(math.nan), defined(0.5)) == (None, 0.5)
