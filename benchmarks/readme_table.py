"""The table of the README, from the newest records."""

import statistics

import records

BEGIN, END = "<!-- measured -->\n", "<!-- end of measured -->"
MINUTES = 10.0


def table() -> str:
    """Returns the lines between BEGIN and END."""
    lines = ["| what | command | result |", "| --- | --- | --- |"]
    rows = (
        *(*accuracy(), *speed(), *inference(), *tiling()),
        *(*prediction(), *memory()),
    )
    for row in rows:
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def accuracy() -> list[tuple[str, str, str]]:
    sets = {
        ("isbi2012", "defaults"): (
            "ISBI 2012 membranes, 6 slices",
            {"v_rand": "V_rand", "v_info": "V_info", "pixel_error": "pixel error"},
        ),
        ("u373", "defaults, a border of 50 pixels ignored"): (
            "U373 cells, 10 frames without the outer 50 pixels, where cells have no "
            "masks",
            {"foreground_iou": "IoU", "average_precision_50": "AP at IoU 0.5"},
        ),
        ("u373", "defaults"): (
            "the same frames whole, where cells that are found at the border count as "
            "wrong",
            {"foreground_iou": "IoU", "average_precision_50": "AP at IoU 0.5"},
        ),
        ("dsb2018_fluo", "defaults"): (
            "DSB 2018 nuclei, 46 images larger than those trained on",
            {"foreground_iou": "IoU", "average_precision_50": "AP at IoU 0.5"},
        ),
    }
    found = []
    for (name, settings), (title, columns) in sets.items():
        rows = [
            row
            for row in records.load("accuracy")
            if row["settings"]["set"] == name
            and row["settings"]["name"] == settings
            and not row["settings"]["steps"]
            and row["settings"]["minutes"] == MINUTES
        ]
        if rows:
            scores = ", ".join(
                f"{said} {rows[-1]['scores'][key]:.3f}" for key, said in columns.items()
            )
            what = (
                f"{title}: {MINUTES:g} minutes of `fit`, scored by `evaluate --flips`"
            )
            command = f"benchmarks/accuracy.py --set {name}"
            if border := rows[-1]["settings"].get("ignore_border"):
                command += f" --ignore-border {border}"
            found.append((what, f"`{command}`", scores))
    return found


def speed() -> list[tuple[str, str, str]]:
    found = []
    rows = [
        row
        for row in records.load("training_speed")
        if row["settings"]["base_filters"] == 16
    ]
    if rows:
        speeds = rows[-1]["tiles_per_second"]
        middle = statistics.median(speeds["ours"])
        said = [
            f"{middle:.1f} tiles/s",
            f"{ratio(speeds, 'keras_float32')} times Keras 3's own layers in float32",
            f"{ratio(speeds, 'keras_bfloat16')} in bfloat16",
            f"{ratio(speeds, 'torch_bfloat16')} PyTorch in bfloat16",
        ]
        found.append(
            (
                "a training step, 16 base filters",
                "`benchmarks/training_speed.py`",
                "; ".join(said),
            )
        )
    rows = records.load("augmentation_peers")
    if rows:
        speeds = rows[-1]["tiles_per_second"]
        speeds = {**speeds, "ours": speeds["keras_unet_tiles"]}
        said = [
            f"{statistics.median(speeds['ours']):.0f} tiles/s",
            f"{ratio(speeds, 'albumentations_loader')} times albumentations",
            f"{ratio(speeds, 'keras_layers')} times Keras's layers",
        ]
        found.append(
            (
                "augmented training tiles",
                "`benchmarks/augmentation_peers.py`",
                "; ".join(said),
            )
        )
    return found


def inference() -> list[tuple[str, str, str]]:
    runs = [run for row in records.load("inference_speed") for run in row["runs"]]
    runs = [run for run in runs if run["base_filters"] == 32]
    if not runs:
        return []
    speeds = runs[-1]["megapixels_per_second"]
    speeds = {**speeds, "ours": speeds["predict_bfloat16"]}
    by_default = {**speeds, "ours": speeds["predict_float32"]}
    said = [
        f"float32: {ratio(by_default, 'keras_float32')} times as fast as "
        "`model.predict` of Keras's layers",
        f"bfloat16: {ratio(speeds, 'torch_bfloat16')} times PyTorch in bfloat16, "
        f"{ratio(speeds, 'openvino_bfloat16')} times OpenVINO in bfloat16",
    ]
    what = "the bare net of `predict`, 32 base filters"
    return [(what, "`benchmarks/inference_speed.py`", "; ".join(said))]


def tiling() -> list[tuple[str, str, str]]:
    rows = records.load("tiling_peers")
    if not rows:
        return []
    runs = {
        run["engine"]: run for run in rows[-1]["runs"] if run["precision"] == "float32"
    }
    seconds = {engine: run["seconds"] for engine, run in runs.items()}
    faster = [a / b for a, b in zip(seconds["monai"], seconds["ours"], strict=True)]
    errors = {engine: run["largest_difference"] for engine, run in runs.items()}
    side = rows[-1]["settings"]["side"]
    what = (
        f"{side} x {side} pixels beside MONAI's sliding windows (overlap 0.5), the "
        "same net"
    )
    said = (
        f"{statistics.median(faster):.2g} times as fast; furthest from one pass over "
        f"the whole image: {errors['ours']:.2g}, MONAI's {errors['monai']:.2g}"
    )
    return [(what, "`benchmarks/tiling_peers.py`", said)]


def prediction() -> list[tuple[str, str, str]]:
    rows = records.load("prediction_speed")[-1:]
    runs = [run for row in rows for run in row["runs"]]
    shares = {run["base_filters"]: statistics.median(run["ratios"]) for run in runs}
    said = [f"{share:.2f} (base {base})" for base, share in sorted(shares.items())]
    what = "speed of `predict`, file to file, over that of the bare net"
    return [(what, "`benchmarks/prediction_speed.py`", ", ".join(said))] if said else []


def ratio(speeds: dict[str, list[float]], peer: str) -> str:
    pairs = zip(speeds["ours"], speeds[peer], strict=True)
    return f"{statistics.median([ours / theirs for ours, theirs in pairs]):.2g}"


def memory() -> list[tuple[str, str, str]]:
    rows = records.load("prediction_large")[-1:]
    runs = {run["side"]: run["peak_megabytes"] for row in rows for run in row["runs"]}
    said = [f"{side} x {side}: {peak:.0f} MB" for side, peak in sorted(runs.items())]
    command = "`benchmarks/prediction_large.py`"
    return [("peak memory of `predict`", command, "; ".join(said))] if said else []
