"""Writes docs/benchmarks.md from the newest records; a test holds them equal.

python benchmarks/tables.py
"""

import pathlib
import statistics
from collections.abc import Callable
from typing import Any

import records

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python benchmarks/tables.py` from the newest rows of
`benchmarks/results/*.jsonl`, which the scripts append; each row there has date, commit,
machine, versions, settings and raw numbers. Ratios are of one run, measured in turn;
the middle of the rounds comes first, their range in brackets. All of it is on a shared
machine: read the ratios, and measure again on yours with `make bench`.
"""


def main() -> None:
    PAGE.write_text(page())
    print(f"wrote {PAGE}")


def page() -> str:
    """Returns the whole page."""
    parts = [HEAD]
    for name, (title, lines) in SECTIONS.items():
        rows = records.load(name)
        if rows:
            parts.append("\n".join([f"## {title}", "", *lines(rows), ""]))
    return "\n".join(parts)


def augmentation_peers(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    speeds = row["tiles_per_second"]
    ours = speeds["keras_unet_tiles"]
    lines = [
        "Tiles of 256x256 a second, cut and changed in all the ways that the peer has,",
        f"each alone on the machine ({origin(row)}):",
        "",
        "| | tiles/s | ours is faster by |",
        "| --- | --- | --- |",
    ]
    for name, title in PEERS.items():
        ratios = [a / b for a, b in zip(ours, speeds[name], strict=True)]
        faster = "" if name == "keras_unet_tiles" else records.spread(ratios)
        lines.append(f"| {title} | {statistics.median(speeds[name]):.0f} | {faster} |")
    return lines


PEERS = {
    "keras_unet_tiles": "`pipelines.tiles`",
    "albumentations_loader": "albumentations, PyTorch DataLoader of 2 workers",
    "keras_layers": "Keras 3 preprocessing layers in a tf.data map (no gamma, noise)",
    "image_data_generator": (
        "`ImageDataGenerator` (no elastic deformation, gamma, noise, blur)"
    ),
}


def training_input(rows: list[dict[str, Any]]) -> list[str]:
    newest = {row["settings"].get("base_filters", 16): row for row in rows}
    lines = [
        "Training fed by the stream, everything at its default, against the bare step",
        "on one batch that lies in memory (batches of 8 tiles of 256x256):",
        "",
        "| base_filters | share of the bare step's speed | from |",
        "| --- | --- | --- |",
    ]
    for base_filters, row in sorted(newest.items()):
        share = records.spread(row["ratios"])
        lines.append(f"| {base_filters} | {share} | {origin(row)} |")
    return lines


def run_memory(rows: list[dict[str, Any]]) -> list[str]:
    newest = {
        (run["kind"], run["gibibytes"]): (run, row)
        for row in rows
        for run in row["runs"]
    }
    lines = [
        "Peak resident memory of a whole `fit` (data check, training, validation),",
        "over the size of its images:",
        "",
        "| images | GiB | peak, MiB | from |",
        "| --- | --- | --- | --- |",
    ]
    for (kind, gibibytes), (run, row) in sorted(newest.items()):
        lines.append(
            f"| {KINDS[kind]} | {gibibytes:g} | {run['peak_mebibytes']:.0f} | "
            f"{origin(row)} |"
        )
    return lines


KINDS = {
    "sparse": "one `.npy` file, mostly a hole",
    "repeated": "many names of one 16 MiB `.npy` file",
    "tiff": "one tiled, compressed BigTIFF",
}


def prediction_memory(rows: list[dict[str, Any]]) -> list[str]:
    newest = {}
    for row in rows:
        for run in row["runs"]:
            case = run["variant"], run["base_filters"], run["promised_megabytes"]
            newest[case] = (run, row)
    lines = [
        "Peak resident memory of a whole `predict`, from TIFF to TIFF, against what",
        "`--memory` promises (MB are millions of bytes):",
        "",
        "| variant | base_filters | image | promised, MB | peak, MB | from |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (variant, base_filters, promised), (run, row) in sorted(newest.items()):
        side = run["side"]
        lines.append(
            f"| {variant} | {base_filters} | {side}x{side} | {promised} | "
            f"{run['peak_megabytes']:.0f} | {origin(row)} |"
        )
    return lines


def prediction_large(rows: list[dict[str, Any]]) -> list[str]:
    newest = {run["side"]: (run, row) for row in rows for run in row["runs"]}
    lines = [
        "`predict` with every setting at its default (so at most 1500 MB), padded net,",
        "from tiled TIFF to tiled TIFF, start of the process and first pass over the",
        "file (its mean and standard deviation) included:",
        "",
        "| image | base_filters | peak, MB | megapixels/s | from |",
        "| --- | --- | --- | --- | --- |",
    ]
    for side, (run, row) in sorted(newest.items()):
        lines.append(
            f"| {side}x{side} | {row['settings']['base_filters']} | "
            f"{run['peak_megabytes']:.0f} | {run['megapixels_per_second']:.2f} | "
            f"{origin(row)} |"
        )
    return lines


def serving_latency(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    seconds = row["seconds"]
    lines = [
        f"From a {row['settings']['side']}x{row['settings']['side']} grey image to its "
        "mask (float32: its probabilities), through",
        f"{row['settings']['server']} and by the same signature called in one process",
        f"({origin(row)}):",
        "",
        "| | p50, ms | p95, ms | p50 over direct |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in seconds.items():
        ordered = sorted(values)
        middle = 1000 * statistics.median(ordered)
        high = 1000 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        kind = name.partition(", ")[2].partition(" ")[0]
        direct = 1000 * statistics.median(seconds[f"direct, {kind}"])
        lines.append(f"| {name} | {middle:.0f} | {high:.0f} | {middle / direct:.2f} |")
    return lines


def serving_load(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    settings, outcomes = row["settings"], row["outcomes"]
    wrong = sum(count for name, count in outcomes.items() if name != "right")
    memory = ", ".join(map(str, row["mebibytes"]))
    return [
        f"{settings['requests']} requests, {settings['at_a_time']} at a time over REST "
        "and gRPC, images of 1x1 to 2048x2048",
        f"mixed, {row['versions'] - 1} new versions meanwhile, on "
        f"{settings['server']} ({origin(row)}):",
        f"{outcomes.get('right', 0)} right masks, {wrong} wrong ones or errors. Memory "
        "of the server after each tenth,",
        f"MiB: {memory}.",
    ]


def serving_malformed(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    answers = row["answers"]
    total = sum(answers.values())
    bad = sum(n for name, n in answers.items() if "unexpected" in name)
    wrong = answers.get("good request answered wrong", 0)
    return [
        f"{total - wrong} malformed requests to {row['settings']['server']} "
        f"({origin(row)}):",
        f"{bad} answered otherwise than the contract says; the server lived, and a",
        f"good request afterwards was answered {'wrong' if wrong else 'right'}.",
    ]


def origin(row: dict[str, Any]) -> str:
    """Returns date, commit and machine of a row."""
    return f"{row['date']}, {row['commit']}, {row['machine']}"


Lines = Callable[[list[dict[str, Any]]], list[str]]
SECTIONS: dict[str, tuple[str, Lines]] = {
    "augmentation_peers": ("Tiles beside the peers", augmentation_peers),
    "training_input": ("Training fed by the stream", training_input),
    "run_memory": ("Memory of a training run", run_memory),
    "prediction_memory": ("Memory of a prediction", prediction_memory),
    "prediction_large": ("Prediction over the size of the image", prediction_large),
    "serving_latency": ("Latency of a server", serving_latency),
    "serving_load": ("A server under load", serving_load),
    "serving_malformed": ("Malformed requests", serving_malformed),
}

if __name__ == "__main__":
    main()
