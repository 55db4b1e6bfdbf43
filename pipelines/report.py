"""The page of a run: one HTML file with its pictures inside, no network needed."""

import base64
import html
import io
import pathlib
import re
from collections.abc import Sequence

import imagecodecs
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pipelines.images.writing import write_bytes_atomically
from pipelines.pictures import EXTRA, HIT, MISSED, comparison
from pipelines.run_folder import RunRecord
from pipelines.validation import Picture

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1500px; margin: 2rem auto;
       padding: 0 1rem; color: #222; background: #fff; }
h1 { margin-bottom: 0; } figure { margin: .5rem 0 1.5rem; }
img, svg { width: 100%; height: auto; image-rendering: auto; }
.heads { display: grid; grid-template-columns: repeat(4, 1fr); font-weight: 600; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left;
       border-bottom: 1px solid #ddd; vertical-align: top; }
.key { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 .9em; }
"""


def write_report(
    path: pathlib.Path,
    *,
    title: str,
    record: RunRecord,
    history: Sequence[dict[str, float]],
    pictures: Sequence[Picture],
    facts: dict[str, str] | None = None,
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: its heading.
        record: of the run.
        history: rows of history.csv.
        pictures: held-out images with truth and prediction.
        facts: further lines for the table at the top.
    """
    num_classes = max(2, len(record.classes))
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        # Without it browsers ask a server for one.
        "<link rel='icon' href='data:,'>",
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        _table({**_facts(record), **(facts or {})}),
        "<h2>Training</h2>",
        _curves(history) if history else "<p>No validation yet.</p>",
        "<h2>Held-out images</h2>",
        _legend(),
        *(_figure(picture, num_classes) for picture in pictures),
        "<h2>Settings</h2>",
        _table({key: str(value) for key, value in record.settings.items()}),
        "</body></html>",
    ]
    write_bytes_atomically(path, "\n".join(parts).encode())


def _facts(record: RunRecord) -> dict[str, str]:
    best = record.best
    facts = {
        "Saved model": f"step {best['step']}, the best by {best['by']}",
        "Validation loss": f"{best['val_loss']:.4f}",
        "Validation mean IoU": f"{best['val_mean_iou']:.4f}",
        "Validation pixel error": f"{best['val_pixel_error']:.4f}",
    }
    if record.threshold is not None:
        facts["Threshold"] = f"{record.threshold:g}, chosen on the held-out images"
    return facts


def _table(rows: dict[str, str]) -> str:
    cells = (
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
        for key, value in rows.items()
    )
    return f"<table>{''.join(cells)}</table>"


def _curves(history: Sequence[dict[str, float]]) -> str:
    """Returns losses and IoU over the steps as SVG."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    losses, quality = figure.subplots(1, 2)
    steps = [row["step"] for row in history]
    losses.plot(steps, [row["loss"] for row in history], "o-", label="training")
    losses.plot(steps, [row["val_loss"] for row in history], "s--", label="validation")
    losses.set_ylabel("loss")
    quality.plot(
        steps, [row["val_mean_iou"] for row in history], "s--", label="mean IoU"
    )
    quality.plot(
        steps, [1 - row["val_pixel_error"] for row in history], "^:", label="accuracy"
    )
    quality.set_ylabel("validation")
    for axes in (losses, quality):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # HTML needs neither, and without them no address is left in the page.
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
    return f"<figure>{svg}</figure>"


def _legend() -> str:
    keys = "".join(
        f"<span class='key' style='background: rgb{colour}'></span>{text}"
        for colour, text in ((HIT, "found"), (MISSED, "missed"), (EXTRA, "too much"))
    )
    heads = "<div>Image</div><div>Truth</div><div>Prediction</div>"
    heads += "<div>Difference</div>"
    return f"<p>In the difference:{keys}</p><div class='heads'>{heads}</div>"


def _figure(picture: Picture, num_classes: int) -> str:
    png = imagecodecs.png_encode(np.ascontiguousarray(comparison(picture, num_classes)))
    data = base64.b64encode(png).decode()
    name = html.escape(picture.name)
    return (
        f"<figure><img alt='{name}: image, truth, prediction and difference' "
        f"src='data:image/png;base64,{data}'><figcaption>{name}</figcaption></figure>"
    )
