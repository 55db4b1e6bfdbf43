"""The tables of what trainings reach, in minutes and in equal steps."""

import collections
from typing import Any

from records import origin

Columns = dict[str, str]
# Rows of records by seed, by (name, budget).
Runs = dict[tuple[str, str], dict[int, dict[str, Any]]]
SETS: dict[str, Columns] = {
    "isbi2012": {
        "v_rand": "V_rand",
        "v_info": "V_info",
        "pixel_error": "pixel error",
        "background_dice": "membrane Dice",
    },
    "u373": {
        "foreground_iou": "IoU",
        "foreground_dice": "Dice",
        "average_precision_50": "AP at IoU 0.5",
    },
    "dsb2018_fluo": {"foreground_iou": "IoU", "average_precision_50": "AP at IoU 0.5"},
}


def of_minutes(rows: list[dict[str, Any]]) -> list[str]:
    return accuracy([row for row in rows if not row["settings"]["steps"]])


def of_steps(rows: list[dict[str, Any]]) -> list[str]:
    return accuracy([row for row in rows if row["settings"]["steps"]])


def accuracy(rows: list[dict[str, Any]]) -> list[str]:
    """Returns a table for each set: a row a setting, its seeds in one.

    Of a seed that was run again the newest row counts.
    """
    lines = []
    for name, columns in SETS.items():
        found: Runs = collections.defaultdict(dict)
        for row in rows:
            settings = row["settings"]
            if settings["set"] == name:
                found[settings["name"], budget(settings)][settings["seed"]] = row
        if found:
            lines += [f"### {name}", "", *table(found, columns), ""]
    return lines[:-1]


def table(found: Runs, columns: Columns) -> list[str]:
    titles = ["settings", "budget", "seeds", "steps", *columns.values(), "from"]
    lines = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    for (name, spent), by_seed in found.items():
        runs = [by_seed[seed] for seed in sorted(by_seed)]
        seeds = ", ".join(str(run["settings"]["seed"]) for run in runs)
        cells = [name, spent, seeds, all_of(runs, "steps", "{:.0f}")]
        cells += [all_of(runs, column, "{:.3f}") for column in columns]
        lines.append(f"| {' | '.join([*cells, origin(runs[-1])])} |")
    return lines


def budget(settings: dict[str, Any]) -> str:
    if settings["steps"]:
        return f"{settings['steps']} steps"
    return f"{settings['minutes']:g} minutes"


def all_of(runs: list[dict[str, Any]], score: str, form: str) -> str:
    """Returns the scores of all seeds, in their order."""
    return ", ".join(form.format(run["scores"][score]) for run in runs)
