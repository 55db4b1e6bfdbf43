import math

import numpy as np
import pytest

from pipelines.scores.image_scores import ImageScore, extremes, image_score, ranked


def scored(*values):
    return [ImageScore(str(place), iou, iou, 0.0) for place, iou in enumerate(values)]


def test_scores_of_an_image_are_those_of_its_confusion_matrix():
    found = image_score("a", np.array([[6, 1], [1, 2]]))
    # IoU 6/8 and 2/4; Dice of the foreground 4/6.
    assert found.mean_iou == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert found.dice == pytest.approx(4 / 6)
    assert found.pixel_error == pytest.approx(0.2)


def test_an_image_without_foreground_has_no_dice_and_without_pixels_no_score():
    assert math.isnan(image_score("a", np.array([[9, 0], [0, 0]])).dice)
    nothing = image_score("a", np.zeros((2, 2), int))
    assert math.isnan(nothing.mean_iou) and math.isnan(nothing.pixel_error)


def test_the_worst_come_first_and_those_without_a_score_nowhere():
    assert ranked(scored(0.5, math.nan, 0.1, 0.9)) == [2, 0, 3]


def test_the_extremes_are_named():
    found = extremes(scored(0.5, 0.1, 0.9, 0.3, 0.7), count=2)
    assert list(found.items()) == [
        (1, "worst, mean IoU 0.1000"),
        (3, "2nd worst, mean IoU 0.3000"),
        (2, "best, mean IoU 0.9000"),
        (4, "2nd best, mean IoU 0.7000"),
    ]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([], {}),
        ([math.nan], {}),
        ([0.2], {0: "worst"}),
        ([0.2, 0.1, 0.3], {1: "worst", 0: "2nd worst", 2: "best"}),
    ],
)
def test_no_image_comes_twice(values, names):
    found = extremes(scored(*values), count=2)
    assert {place: note.split(",")[0] for place, note in found.items()} == names
