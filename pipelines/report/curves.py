"""Curves of a report, as SVG without any address in it."""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pipelines.scores import THRESHOLDS, ReliabilityCounts, ThresholdCounts

# Of the Okabe-Ito palette, as the pictures.
BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
GREY = "#777777"
# Inches; a page shows two beside each other, or one on a phone.
SIZE = (5.4, 3.7)
# Between losses so many times apart the later ones would lie on one line.
LOG_FROM = 20
# Thresholds that are named beside the curve.
NAMED_THRESHOLDS = (0.1, 0.3, 0.7, 0.9)


def loss_curves(history: Sequence[dict[str, float]]) -> str:
    """Returns the losses over the steps."""
    figure, axes = _axes("Loss", "step", "loss")
    steps = [row["step"] for row in history]
    for name, label, form in (
        ("loss", "training", {"color": BLUE, "marker": "o"}),
        ("val_loss", "validation", {"color": ORANGE, "marker": "s", "ls": "--"}),
    ):
        axes.plot(steps, [row[name] for row in history], label=label, **form)
    losses = [row[name] for row in history for name in ("loss", "val_loss")]
    if losses and min(losses) > 0 and max(losses) > LOG_FROM * min(losses):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    axes.legend(loc="upper right")
    return _svg(figure)


def quality_curves(history: Sequence[dict[str, float]]) -> str:
    """Returns IoU and accuracy of the validations over the steps."""
    figure, axes = _axes("On the validation images", "step", "")
    steps = [row["step"] for row in history]
    accuracy = [1 - row["val_pixel_error"] for row in history]
    iou = [row["val_mean_iou"] for row in history]
    axes.plot(steps, iou, "s--", color=ORANGE, label="mean IoU")
    axes.plot(steps, accuracy, "^:", color=GREEN, label="pixel accuracy")
    # Between the curves, or below both where they rise.
    axes.legend(loc="center right")
    return _svg(figure)


def precision_recall(
    counts: ThresholdCounts, threshold: float, chosen: tuple[float, float]
) -> str:
    """Returns precision over recall of the foreground at every threshold.

    Args:
        counts: of a set.
        threshold: that was chosen.
        chosen: precision and recall at just that threshold, which are marked; NaN marks
            nothing.
    """
    precision, recall = counts.precision_recall()
    figure, axes = _axes("Foreground by threshold", "recall", "precision")
    axes.plot(recall, precision, color=BLUE)
    for named in NAMED_THRESHOLDS:
        place = _nearest(named)
        point = recall[place], precision[place]
        if np.isfinite(point).all():
            axes.plot(*point, "o", color=BLUE, markersize=3)
            axes.annotate(
                f"{named:g}",
                point,
                (-4, -9),
                textcoords="offset points",
                ha="right",
                fontsize="small",
            )
    axes.plot(
        [chosen[1]],
        [chosen[0]],
        "D",
        color=ORANGE,
        markeredgecolor="black",
        label=f"threshold {threshold:g}",
    )
    axes.legend(loc="lower left")
    return _svg(figure)


def reliability(counts: ReliabilityCounts, what: str) -> str:
    """Returns the observed frequency over the predicted probability.

    Args:
        counts: of a set.
        what: is predicted, such as "foreground".
    """
    probability, observed = counts.curve()
    error = counts.calibration_error()
    title = f"Reliability curve: mean calibration error {error:.3f}"
    figure, axes = _axes(title, f"probability of {what}", "observed frequency")
    bins = len(probability)
    shares = counts.pixels / max(1, counts.pixels.sum())
    axes.bar(
        (np.arange(bins) + 0.5) / bins,
        shares,
        width=0.9 / bins,
        color="#dddddd",
        label="share of the pixels",
    )
    axes.plot([0, 1], [0, 1], ":", color=GREY, label="ideal")
    filled = counts.pixels > 0
    axes.plot(probability[filled], observed[filled], "o-", color=BLUE, label="this net")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper center")
    return _svg(figure)


def _nearest(threshold: float) -> int:
    return int(np.argmin(np.abs(THRESHOLDS - threshold)))


def _axes(title: str, across: str, up: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium", loc="left")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    """Returns an SVG element; the same for the same figure, on every machine."""
    title = figure.axes[0].get_title(loc="left")
    buffer = io.StringIO()
    # Letters as text: small, and found by a search. Ids differ between the figures of
    # a page by their titles.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        FigureCanvasSVG(figure).print_svg(buffer)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # HTML needs neither, and without them no address is left in the page.
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    return f"<figure>{svg}</figure>"
