"""Writes the pages of figures from the records; a test holds them equal.

python benchmarks/tables.py
"""

import pathlib
from collections.abc import Callable
from typing import Any

import accuracy_tables
import prediction_tables
import readme_table
import records
import serving_tables
import speed_tables
import training_tables

README = pathlib.Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
BENCHMARKS = """# Benchmarks

Written by `python benchmarks/tables.py` from the newest rows of
`benchmarks/results/*.jsonl`, which the scripts append; each row there has date, commit,
machine, versions, settings and raw numbers. Ratios are of one run, measured in turn;
the middle of the rounds comes first, their range in brackets. All of it is on a shared
machine: read the ratios, and measure again on yours with `make bench`.
"""
ACCURACY = """# Accuracy

Written by `python benchmarks/tables.py` from `benchmarks/results/accuracy.jsonl`, which
`python benchmarks/accuracy.py` appends: trainings by `keras-unet fit` with its defaults
but for what a row names, and the scores of `keras-unet evaluate --flips` on held-out
images. On isbi2012 and u373, which are small, the held-out images also choose the
saved model and the threshold; on dsb2018_fluo other images do. Trainings of some
minutes are what a user gets on 2 processor cores; trainings of equal steps compare
settings, whatever else the machine does. Two seeds of one row differ by a thousandth
on isbi2012, in V_rand by a hundredth; on dsb2018_fluo, whose scored images are of other
microscopes, by four hundredths in IoU and two in AP. Smaller differences say nothing.
Defaults are those of the commit of the row.

Rows of others are of `python benchmarks/accuracy_peers.py`: the same images, minutes
and scores, the mean over 8 flips and turns, 16 filters in the first stage, the last
weights, and 0.5 as the threshold. The PyTorch loop changes tiles by flips, turns,
elastic deformation, brightness and contrast: no zoom, no noise, no line between
touching objects.

The masks of u373 leave out cells at the border: its field of interest ends 50 pixels
before. Scored as they are, such cells count as found wrongly; where a border of 50
pixels is ignored, the background of that band is left out of training and scores.

The sets are not part of this repository. KERAS_UNET_TEST_DATA names a folder that has
them as PNG of equal names: `isbi2012/image` and `label`, `u373/image` and `mask`,
`dsb2018_fluo/image` and `mask` (object ids).
"""
Lines = Callable[[list[dict[str, Any]]], list[str]]
# By title: the file of the records, and what makes lines of its rows.
Sections = dict[str, tuple[str, Lines]]
PAGES: dict[str, tuple[str, Sections]] = {
    "benchmarks.md": (
        BENCHMARKS,
        {
            "Training speed": ("training_speed", training_tables.training_speed),
            "Training speed of the paper's net": (
                "training_speed_paper",
                speed_tables.training_speed_paper,
            ),
            "Settings of a training step": (
                "step_settings",
                training_tables.step_settings,
            ),
            "Inference speed": ("inference_speed", speed_tables.inference_speed),
            "Share of the machine's convolutions": (
                "convolution_peak",
                speed_tables.convolution_peak,
            ),
            "The tile stream": ("tile_stream", training_tables.tile_stream),
            "Tiles beside the peers": (
                "augmentation_peers",
                training_tables.augmentation_peers,
            ),
            "Training fed by the stream": (
                "training_input",
                training_tables.training_input,
            ),
            "From files to a trained net": ("end_to_end", training_tables.end_to_end),
            "Start-up": ("start_up", training_tables.start_up),
            "Memory of a training step": ("step_memory", training_tables.step_memory),
            "Memory of a training run": ("run_memory", training_tables.run_memory),
            "Prediction against the bare net": (
                "prediction_speed",
                prediction_tables.prediction_speed,
            ),
            "Prediction of many small images": (
                "prediction_folder",
                prediction_tables.prediction_folder,
            ),
            "Memory of a prediction": (
                "prediction_memory",
                prediction_tables.prediction_memory,
            ),
            "Prediction over the size of the image": (
                "prediction_large",
                prediction_tables.prediction_large,
            ),
            "Prediction beside the peers": (
                "tiling_peers",
                prediction_tables.tiling_peers,
            ),
            "Latency of a server": ("serving_latency", serving_tables.serving_latency),
            "A server under load": ("serving_load", serving_tables.serving_load),
            "A server beside slow clients": (
                "serving_slow_clients",
                serving_tables.serving_slow_clients,
            ),
            "Memory of an export": ("serving_memory", serving_tables.serving_memory),
            "Malformed requests": (
                "serving_malformed",
                serving_tables.serving_malformed,
            ),
        },
    ),
    "accuracy.md": (
        ACCURACY,
        {
            "What trainings reach": ("accuracy", accuracy_tables.of_minutes),
            "Settings compared": ("accuracy", accuracy_tables.of_steps),
        },
    ),
}


def main() -> None:
    for name in PAGES:
        (DOCS / name).write_text(page(name))
        print(f"wrote {DOCS / name}")
    README.write_text(readme())
    print(f"wrote the table of {README}")


def readme() -> str:
    """Returns the README with its table as the records say."""
    before, _, rest = README.read_text().partition(readme_table.BEGIN)
    _, _, after = rest.partition(readme_table.END)
    table = readme_table.BEGIN + readme_table.table() + readme_table.END
    return before + table + after


def page(name: str) -> str:
    """Returns a whole page of the docs."""
    head, sections = PAGES[name]
    parts = [head]
    for title, (source, lines) in sections.items():
        rows = records.load(source)
        if rows:
            parts.append("\n".join([f"## {title}", "", *lines(rows), ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    main()
