"""Tables of prediction."""

from typing import Any

from records import origin, spread


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


def prediction_speed(rows: list[dict[str, Any]]) -> list[str]:
    newest = {run["base_filters"]: (run, row) for row in rows for run in row["runs"]}
    lines = [
        "`predict` from tiled TIFF to TIFF mask, padded net, against the bare net on",
        "as many tiles of that size which lie in memory:",
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
