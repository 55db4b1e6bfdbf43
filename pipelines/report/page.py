"""The page of a run or an evaluation, put together from its parts."""

import html
import math
import pathlib
from collections.abc import Sequence

from pipelines import scores
from pipelines.config.fields import value_in_words
from pipelines.report import curves, figures, tables
from pipelines.results.writing import write_bytes_atomically
from pipelines.run_folder import RunRecord
from pipelines.scores.evaluation_result import Evaluation, class_rows
from pipelines.validation import Picture, Validation

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1400px; margin: 0 auto;
       padding: 1.5rem 1rem 4rem; color: #222; background: #fff; }
h1 { margin: 0 0 .5rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .5rem; border-bottom: 2px solid #eee; }
p { max-width: 48rem; } figure { margin: 0; } img, svg { width: 100%; height: auto; }
svg { font-family: system-ui, sans-serif; display: block; }
img { display: block; background: #eee; image-rendering: pixelated; }
.cards { display: grid; gap: .7rem; margin: 1rem 0;
       grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); }
.card { background: #f3f6f9; border-radius: .5rem; padding: .6rem .9rem; color: #444;
       font-size: .9rem; line-height: 1.3; }
.card b { display: block; font-size: 1.6rem; color: #111;
       font-variant-numeric: tabular-nums; }
.warning { background: #fdf3dc; border-left: .35rem solid #e69f00; margin: .7rem 0;
       padding: .6rem 1rem; max-width: none; }
.curves { display: grid; gap: 1rem;
       grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.curves figure { max-width: 44rem; }
.panels { display: grid; gap: .4rem; grid-template-columns: repeat(4, 1fr);
       margin: .3rem 0 1.6rem; font-size: .9rem; color: #555; }
.wide { overflow: auto; max-height: 32rem; }
table { border-collapse: collapse; }
td, th { padding: .25rem .8rem .25rem 0; text-align: left; vertical-align: top;
       border-bottom: 1px solid #e4e4e4; overflow-wrap: anywhere; }
th { font-weight: 600; min-width: 7rem; }
.numbers td, .numbers th { padding: .25rem .8rem; overflow-wrap: normal; }
.numbers td { text-align: right; font-variant-numeric: tabular-nums; }
.numbers thead th { position: sticky; top: 0; background: #fff; }
.numbers thead th + th { text-align: right; min-width: 0; }
.filled { background: linear-gradient(90deg, #b9dcf2 var(--share), transparent 0); }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap;
       gap: .2rem 1.4rem; }
.key { display: inline-block; width: .9em; height: .9em; margin-right: .4em; }
.grey { background: #999; }
summary { cursor: pointer; }
@media (max-width: 700px) {
  .panels { grid-template-columns: repeat(2, 1fr); }
  th { min-width: 0; } .numbers td, .numbers th { padding: .25rem .4rem; }
}
"""


def write_report(
    path: pathlib.Path,
    *,
    title: str,
    record: RunRecord,
    history: Sequence[dict[str, float]],
    pictures: Sequence[Picture],
    facts: dict[str, str] | None = None,
    validation: Validation | None = None,
    evaluation: Evaluation | None = None,
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: its heading.
        record: of the run.
        history: rows of history.csv.
        pictures: images with truth and prediction.
        facts: further lines for the table at the top.
        validation: counts of the images that the page is about.
        evaluation: their scores; None for the page of a run.
    """
    num_classes = max(2, len(record.classes))
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        # Without it browsers ask a server for one.
        "<link rel='icon' href='data:,'>",
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        *_warnings(evaluation),
        tables.cards(_headline(record, evaluation)),
        tables.facts_table({**_facts(record), **(facts or {})}),
        *_scores(record, validation, evaluation),
        *_pictures(pictures, num_classes),
        *_probabilities(validation),
        *_training(history),
        "<h2>Settings of the run</h2>",
        *_choices(record),
        "<details><summary>Show all</summary>",
        tables.facts_table({key: str(val) for key, val in record.settings.items()}),
        "</details></body></html>",
    ]
    write_bytes_atomically(path, "\n".join(parts).encode())


def _warnings(evaluation: Evaluation | None) -> list[str]:
    found = evaluation.warnings if evaluation else []
    return [f"<p class='warning'>{html.escape(warning)}</p>" for warning in found]


def _choices(record: RunRecord) -> list[str]:
    if not record.choices:
        return []
    rows = {
        one.name: f"{value_in_words(one.value)}: {one.reason}" for one in record.choices
    }
    return ["<p>Decided from the data:</p>", tables.facts_table(rows)]


def _headline(record: RunRecord, evaluation: Evaluation | None) -> dict[str, str]:
    """Returns the numbers that are looked at first."""
    if evaluation is not None:
        return {name: f"{value:.4f}" for name, value in evaluation.of_set().items()}
    best = record.best
    return {
        "validation mean IoU": f"{best['val_mean_iou']:.4f}",
        "validation pixel error": f"{best['val_pixel_error']:.4f}",
        "validation loss": f"{best['val_loss']:.4f}",
    }


def _facts(record: RunRecord) -> dict[str, str]:
    facts = {}
    if record.best:
        best = record.best
        facts["Saved model"] = f"step {best['step']}, the best by {best['by']}"
    if record.threshold is not None:
        chosen = f"{record.threshold:g}, chosen on the held-out images"
        facts["Threshold"] = chosen
    if record.object_threshold is not None:
        chosen = f"{record.object_threshold:g}, by average precision"
        facts["Threshold of objects"] = chosen
    return facts


def _scores(
    record: RunRecord, validation: Validation | None, evaluation: Evaluation | None
) -> list[str]:
    """Returns the tables of scores by class and by image, and the confusions."""
    if validation is None:
        return []
    classes, unit = class_rows(record.classes, validation.confusion), "pixels"
    if evaluation is not None:
        classes, unit = evaluation.classes, evaluation.hausdorff_unit
    return [
        "<h2>Scores by class</h2>",
        tables.classes_table(classes, unit),
        "<h2>Scores by image</h2><p>The worst come first.</p>",
        tables.images_table(validation.images),
        "<h2>Confusion matrix</h2>",
        "<p>Shares of the pixels of each true class.</p>",
        tables.confusion_table(validation.confusion, record.classes),
    ]


def _pictures(pictures: Sequence[Picture], num_classes: int) -> list[str]:
    if not pictures:
        return []
    ranked = any(picture.note for picture in pictures)
    return [
        f"<h2>{'Worst and best images' if ranked else 'Held-out images'}</h2>",
        figures.legend(num_classes),
        *(figures.figure(picture, num_classes) for picture in pictures),
    ]


def _probabilities(validation: Validation | None) -> list[str]:
    """Returns precision and recall by threshold, and the reliability curve."""
    if validation is None or validation.reliability is None:
        return []
    if not validation.reliability.pixels.any():
        return []
    drawn, text = [], []
    what = "the class that is predicted"
    if validation.thresholds is not None and validation.threshold is not None:
        what = "foreground"
        text.append(
            "A lower threshold finds more of the foreground (recall rises), and more "
            "that is none (precision falls)."
        )
        chosen = scores.class_scores(validation.confusion)
        drawn.append(
            curves.precision_recall(
                validation.thresholds,
                validation.threshold,
                (chosen.precision[1], chosen.recall[1]),
            )
        )
    text.append(
        "A net is reliable if of the pixels with a probability of 0.8 eight in ten are "
        "what it says."
    )
    drawn.append(curves.reliability(validation.reliability, what))
    return [
        f"<h2>Probabilities</h2><p>{' '.join(text)}</p>",
        f"<div class='curves'>{''.join(drawn)}</div>",
    ]


def _training(history: Sequence[dict[str, float]]) -> list[str]:
    if not history:
        return ["<h2>Training</h2><p>No validation yet.</p>"]
    finite = [row for row in history if math.isfinite(row["val_loss"])]
    drawn = curves.loss_curves(finite) + curves.quality_curves(history)
    return ["<h2>Training</h2>", f"<div class='curves'>{drawn}</div>"]
