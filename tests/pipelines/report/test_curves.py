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


@pytest.fixture
def axes_of(monkeypatch):
    """Draws with a function of `curves`; returns the axes instead of the SVG."""
    monkeypatch.setattr(curves, "_svg", lambda figure: figure)
    return lambda draw, *arguments: draw(*arguments).axes[0]


def test_precision_is_drawn_over_recall_and_the_chosen_threshold_marked(axes_of):
    counts = ThresholdCounts()
    probability = np.array([[0.2, 0.4, 0.6, 0.8]], np.float32)
    counts.add(np.array([[0, 1, 0, 1]], np.uint8), probability)
    axes = axes_of(curves.precision_recall, counts, 0.004, (0.5, 1.0))
    curve, *_, mark = [line.get_xydata() for line in axes.lines]
    # Above 0.5 one of two hits is true, and one of two true pixels is found.
    np.testing.assert_array_equal(curve[49], [0.5, 0.5])
    # Above 0.3 all true ones, and one besides.
    np.testing.assert_allclose(curve[29], [1.0, 2 / 3])
    # Of no threshold that is tried: at the scores of its own.
    np.testing.assert_array_equal(mark, [[1.0, 0.5]])
    assert axes.get_legend().get_texts()[0].get_text() == "threshold 0.004"


def test_what_came_true_is_drawn_over_what_was_said(axes_of):
    counts = ReliabilityCounts()
    counts.add(np.array([0.85, 0.85, 0.85, 0.85]), np.array([True, False, False, True]))
    axes = axes_of(curves.reliability, counts, "foreground")
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[0.85, 0.5]])


def test_reliability_says_how_far_off_probabilities_are(random, probability):
    counts = ReliabilityCounts()
    counts.add(probability, random.random((20, 20)) < probability)
    shown = curves.reliability(counts, "foreground")
    assert f"mean calibration error {counts.calibration_error():.3f}" in shown
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
    assert "threshold 0.5" in curves.precision_recall(counts, 0.5, (np.nan, np.nan))
