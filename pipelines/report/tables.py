"""Tables of a report, as HTML."""

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.scores.evaluation_result import COLUMNS, shown
from pipelines.scores.image_scores import ImageScore, ranked

# A confusion matrix of more classes is wider than a page.
MOST_CLASSES = 12
# The most frequent confusions of so many classes.
LISTED_CONFUSIONS = 20


def facts_table(rows: Mapping[str, str]) -> str:
    """Returns a table of names and what they are."""
    cells = "".join(
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
        for key, value in rows.items()
    )
    return f"<table class='facts'>{cells}</table>"


def cards(values: Mapping[str, str]) -> str:
    """Returns a few numbers in large letters."""
    parts = "".join(
        f"<div class='card'><b>{html.escape(value)}</b>{html.escape(name)}</div>"
        for name, value in values.items()
    )
    return f"<div class='cards'>{parts}</div>"


def classes_table(
    classes: Sequence[Mapping[str, float | str | None]], unit: str
) -> str:
    """Returns the scores by class.

    Args:
        classes: as in `Evaluation`.
        unit: of Hausdorff distances.
    """
    columns = {
        name: f"{head} ({unit})" if name == "hausdorff95" else head
        for name, head in COLUMNS.items()
        # What was not computed needs no column.
        if any(name in row for row in classes)
    }
    rows = [
        [str(row["name"]), *(_number(row.get(name)) for name in columns)]
        for row in classes
    ]
    return _table(["Class", *columns.values()], rows)


def images_table(images: Sequence[ImageScore]) -> str:
    """Returns the scores by image, the worst first; those without a score last."""
    order = ranked(images)
    order += sorted(set(range(len(images))) - set(order))
    rows = []
    for place in order:
        one = images[place]
        rows.append(
            [
                one.name,
                _number(one.mean_iou, bar=True),
                _number(one.dice),
                _number(one.pixel_error),
            ]
        )
    heads = ["Image", "mean IoU", "Dice of the foreground", "pixel error"]
    return _table(heads, rows)


def confusion_table(confusion: np.ndarray, names: Sequence[str]) -> str:
    """Returns the confusion matrix; of many classes the most frequent confusions.

    Args:
        confusion: int64 (num_classes, num_classes), truth by prediction.
        names: of the classes.
    """
    totals = confusion.sum(axis=1)
    if len(confusion) > MOST_CLASSES:
        return _confusions(confusion, totals, names)
    heads = ["True class", *(f"predicted {name}" for name in names), "pixels"]
    rows = []
    for true, name in enumerate(names):
        shares = confusion[true] / max(1, totals[true])
        cells = [
            _Cell(f"{share:.2%}", f"{confusion[true, predicted]:,} pixels", share)
            for predicted, share in enumerate(shares.tolist())
        ]
        rows.append([name, *cells, f"{totals[true]:,}"])
    return _table(heads, rows)


def _confusions(confusion: np.ndarray, totals: np.ndarray, names: Sequence[str]) -> str:
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(wrong, axis=None)[::-1][:LISTED_CONFUSIONS]
    places = zip(*np.unravel_index(order, wrong.shape), strict=True)
    rows = [
        [
            names[true],
            names[predicted],
            f"{wrong[true, predicted]:,}",
            f"{wrong[true, predicted] / totals[true]:.2%}",
        ]
        for true, predicted in places
        if wrong[true, predicted]
    ]
    return _table(["True class", "predicted as", "pixels", "of the class"], rows)


class _Cell:
    """A number with what a pointer over it shows, and how full its background is."""

    def __init__(self, text: str, title: str, share: float) -> None:
        self.text, self.title, self.share = text, title, share

    def __str__(self) -> str:
        """Returns a table cell as HTML."""
        style = f"--share: {100 * self.share:.1f}%"
        title = html.escape(self.title)
        return f"<td class='filled' style='{style}' title='{title}'>{self.text}</td>"


def _number(value: object, bar: bool = False) -> "str | _Cell":
    """Returns a score for a table cell, with a bar of its length behind it if asked."""
    if not isinstance(value, int | float) or math.isnan(value):
        return "-"
    text = shown(float(value))
    return _Cell(text, text, float(value)) if bar else text


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    lines = []
    for first, *others in rows:
        cells = "".join(
            str(cell)
            if isinstance(cell, _Cell)
            else f"<td>{html.escape(str(cell))}</td>"
            for cell in others
        )
        lines.append(f"<tr><th>{html.escape(str(first))}</th>{cells}</tr>")
    return (
        "<div class='wide'><table class='numbers'><thead><tr>"
        f"{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
