"""Tables of the net's speed, each with what was aimed at."""

import statistics
from typing import Any

from records import origin, spread


def training_speed_paper(rows: list[dict[str, Any]]) -> list[str]:
    newest = {row["settings"]["base_filters"]: row for row in rows}
    lines = [
        "Tiles of 572x572 a second of the training step alone, the paper's net, one",
        "tile a batch, Adam:",
        "",
        "| | base_filters | tiles/s | ours is faster by | aim | from |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for base_filters, row in sorted(newest.items()):
        speeds = row["tiles_per_second"]
        for name, (title, aim) in PAPER_TRAINERS.items():
            faster = "" if name == "ours" else spread(ratios(speeds, "ours", name))
            cells = [title, str(base_filters), f"{statistics.median(speeds[name]):.2f}"]
            lines.append(f"| {' | '.join([*cells, faster, aim, origin(row)])} |")
    return lines


PAPER_TRAINERS = {
    "ours": ('`build_unet("paper")`, precision auto (bfloat16)', ""),
    "torch_bfloat16": ("PyTorch 2.13, the same net, channels_last, bfloat16", "1.2"),
}


def inference_speed(rows: list[dict[str, Any]]) -> list[str]:
    newest = {run["base_filters"]: (run, row) for row in rows for run in row["runs"]}
    lines = [
        "Megapixels of the net's input a second, padded net, one image of 512x512 at a",
        "time, from an array to its probabilities. Ours is `predict` in bfloat16:",
        "",
        "| | base_filters | megapixels/s | ours is faster by | aim | from |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for base_filters, (run, row) in sorted(newest.items()):
        speeds = run["megapixels_per_second"]
        for name, (title, aim) in INFERENCES.items():
            ours = "predict_bfloat16"
            faster = "" if name == ours else spread(ratios(speeds, ours, name))
            cells = [title, str(base_filters), spread(speeds[name]), faster, aim]
            lines.append(f"| {' | '.join([*cells, origin(row)])} |")
    return lines


INFERENCES = {
    "predict_bfloat16": ("`predict --precision bfloat16`", ""),
    "predict_float32": ("`predict` by default, float32: the net of an export", ""),
    "keras_float32": ("`model.predict`, Keras 3's own layers, float32", "2"),
    "torch_bfloat16": ("PyTorch 2.13, channels_last, bfloat16", "1.1"),
    "openvino_bfloat16": ("OpenVINO 2026.4, bfloat16", "0.95"),
    "onnxruntime_float32": ("ONNX Runtime 1.32, float32", "2"),
}


def convolution_peak(rows: list[dict[str, Any]]) -> list[str]:
    newest = {run["base_filters"]: (run, row) for row in rows for run in row["runs"]}
    lines = [
        "Operations of the padded net's convolutions a second (a training step counts",
        "as three forward passes), over those of TensorFlow's 3x3 convolutions of 128",
        "channels alone, all in bfloat16:",
        "",
        "| | base_filters | GFLOP/s | share of the peak | aim | from |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for base_filters, (run, row) in sorted(newest.items()):
        speeds = run["gigaflops"]
        for name, (title, aim) in SHARES.items():
            share = "" if name == "peak" else spread(ratios(speeds, name, "peak"))
            cells = [title, str(base_filters), spread(speeds[name]), share, aim]
            lines.append(f"| {' | '.join([*cells, origin(row)])} |")
    return lines


SHARES = {
    "peak": ("the convolutions alone", ""),
    "predict": ("`predict --precision bfloat16`, 512x512", "0.8"),
    "training": ("a training step, 8 tiles of 256x256", "0.55"),
}


def ratios(speeds: dict[str, list[float]], first: str, second: str) -> list[float]:
    return [a / b for a, b in zip(speeds[first], speeds[second], strict=True)]
