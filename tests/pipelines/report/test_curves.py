import numpy as np
import pytest

from pipelines.report import curves
from pipelines.scores import ReliabilityCounts, ThresholdCounts

HISTORY = [
    {
        "step": step,
        "loss": 1 / step,
        "val_loss": 2 / step,
        "val_mean_iou": 0.5,
        "val_pixel_error": 0.1,
    }
    for step in (1, 2)
]


@pytest.fixture
def probability(random):
    return random.random((20, 20)).astype(np.float32)


def test_curves_of_a_training_name_what_they_show():
    losses, quality = curves.loss_curves(HISTORY), curves.quality_curves(HISTORY)
    assert "training" in losses and "validation" in losses
    assert "mean IoU" in quality and "pixel accuracy" in quality


def test_the_chosen_threshold_is_marked(probability):
    counts = ThresholdCounts()
    counts.add((probability > 0.5).astype(np.uint8), probability)
    assert "threshold 0.37" in curves.precision_recall(counts, 0.37)


def test_reliability_says_how_far_off_probabilities_are(random, probability):
    counts = ReliabilityCounts()
    counts.add(probability, random.random((20, 20)) < probability)
    shown = curves.reliability(counts, "foreground")
    assert f"{counts.calibration_error():.3f} off on the average" in shown
    assert "probability of foreground" in shown


def test_no_address_is_left_in_a_curve():
    assert "http" not in curves.loss_curves(HISTORY)


def test_losses_that_fall_far_are_drawn_on_a_logarithmic_axis():
    fallen = [HISTORY[0] | {"loss": 300.0}, HISTORY[1] | {"loss": 0.5}]
    assert ">100</text>" in curves.loss_curves(fallen)
    assert ">250</text>" not in curves.loss_curves(fallen)


def test_the_same_figure_is_the_same_text():
    assert curves.loss_curves(HISTORY) == curves.loss_curves(HISTORY)


def test_a_foreground_that_never_occurs_is_drawn_without_complaint():
    counts = ThresholdCounts()
    counts.add(np.zeros((4, 4), np.uint8), np.full((4, 4), 0.3, np.float32))
    assert "threshold 0.5" in curves.precision_recall(counts, 0.5)
