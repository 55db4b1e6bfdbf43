"""Tables of prediction."""

from typing import Any

from records import origin, spread


def prediction_memory(rows: list[dict[str, Any]]) -> list[str]:
    newest = {}
    for row in rows:
        for run in row["runs"]:
            case = run["variant"], run["base_filters"], run["promised_megabytes"]
            newest[*case, run.get("precision", "float32")] = (run, row)
    lines = [
        "Peak resident memory of a whole `predict`, from TIFF to TIFF, against what",
        "`--memory` promises (MB are millions of bytes):",
        "",
        "| variant | base_filters | precision | image | promised, MB | peak, MB | "
        "from |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (variant, base_filters, promised, precision), (run, row) in sorted(
        newest.items()
    ):
        cells = [variant, str(base_filters), precision, f"{run['side']}x{run['side']}"]
        cells += [str(promised), f"{run['peak_megabytes']:.0f}", origin(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def prediction_speed(rows: list[dict[str, Any]]) -> list[str]:
    newest = {run["base_filters"]: (run, row) for row in rows for run in row["runs"]}
    lines = [
        "`predict` from tiled TIFF to TIFF mask, padded net, against the bare net on",
        "as many tiles of that size which lie in memory; the aim is 0.9:",
        "",
        "| base_filters | image | megapixels/s | share of the bare speed | from |",
        "| --- | --- | --- | --- | --- |",
    ]
    for base_filters, (run, row) in sorted(newest.items()):
        side = run["side"]
        cells = [str(base_filters), f"{side}x{side}"]
        cells += [spread(run["megapixels_per_second"]), spread(run["ratios"])]
        lines.append(f"| {' | '.join([*cells, origin(row)])} |")
    return lines


def prediction_folder(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    settings, seconds = row["settings"], row["seconds"]
    pixels = settings["files"] * settings["side"] ** 2 / 10**6
    lines = [
        f"`predict` on {settings['files']} PNGs of "
        f"{settings['side']}x{settings['side']}, padded net, base",
        f"{settings['base_filters']}, against the bare net on as many tiles of that "
        f"size in memory ({origin(row)}):",
        "",
        "| | megapixels/s | share of the bare speed |",
        "| --- | --- | --- |",
    ]
    for name, way in (
        ("two files at once, as `predict` does", "two_at_once"),
        ("one file after the other", "one_at_once"),
    ):
        speeds = spread([pixels / one[way] for one in seconds])
        ratios = spread([one["bare"] / one[way] for one in seconds])
        lines.append(f"| {name} | {speeds} | {ratios} |")
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


def tiling_peers(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    side, small = row["settings"]["side"], row["settings"]["small_side"]
    lines = [
        f"A {side}x{side} image from TIFF to float32 probabilities, padded net, base",
        f"{row['settings']['base_filters']}, start of the process included: `predict`",
        "at its defaults against MONAI's `sliding_window_inference` on the same net",
        "and weights in PyTorch (windows of 512 that overlap by half, weighed by a",
        "Gaussian: the step and weights of nnU-Net too). The error is against the same",
        "engine's one pass over the whole image in float32:",
        "",
        "| | precision | seconds | ours is faster by | aim | peak, MB | largest "
        "difference | over 0.01 | mask differs | largest image in 2 GiB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    by = {(run["engine"], run["precision"]): run for run in row["runs"]}
    for (engine, precision), run in by.items():
        mine = by["ours", precision]["seconds"]
        faster = [b / a for a, b in zip(mine, run["seconds"], strict=True)]
        largest = "bounded by the disk"
        if engine != "ours":
            largest = f"{run['largest_side']:.0f}x{run['largest_side']:.0f}"
        cells = [TILINGS[engine], precision, spread(run["seconds"])]
        cells += ["", ""] if engine == "ours" else [spread(faster), "1.5"]
        cells += [f"{max(run['peaks']):.0f}", f"{run['largest_difference']:.2g}"]
        cells += [f"{100 * run['share_beyond_hundredth']:.2g} %"]
        cells += [f"{100 * run['share_of_mask']:.2g} %"]
        lines.append(f"| {' | '.join([*cells, largest])} |")
    return [
        *lines,
        "",
        f"The largest image follows from the peaks at {small} and {side} pixels a side",
        f"({origin(row)}).",
    ]


TILINGS = {"ours": "`keras-unet predict`", "monai": "MONAI 1.6 on PyTorch 2.13"}
