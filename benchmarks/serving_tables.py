"""Tables of serving."""

import statistics
from typing import Any

from records import origin, spread


def serving_latency(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    seconds = row["seconds"]
    lines = [
        f"From a {row['settings']['side']}x{row['settings']['side']} grey image to its "
        "mask (float32: its probabilities), through",
        f"{row['settings']['server']} and by the same signature called in one process",
        f"({origin(row)}); the aims are 1.15 for gRPC tensors and 1.25 for PNG over",
        "REST:",
        "",
        "| | p50, ms | p95, ms | p50 over direct |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in seconds.items():
        middle, high = 1000 * statistics.median(values), 1000 * _high(values)
        kind = name.partition(", ")[2].partition(" ")[0]
        direct = 1000 * statistics.median(seconds[f"direct, {kind}"])
        lines.append(f"| {name} | {middle:.0f} | {high:.0f} | {middle / direct:.2f} |")
    return lines


def serving_load(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    settings, outcomes = row["settings"], row["outcomes"]
    wrong = sum(count for name, count in outcomes.items() if name != "right")
    memory = ", ".join(map(str, row["mebibytes"]))
    # Older rows have it under another name.
    num_versions = row.get("num_versions") or row["versions"]
    return [
        f"{settings['requests']} requests, {settings['at_a_time']} at a time over REST "
        "and gRPC, images of 1x1 to 2048x2048",
        f"mixed, {num_versions - 1} new versions meanwhile, on "
        f"{settings['server']} ({origin(row)}):",
        f"{outcomes.get('right', 0)} right masks, {wrong} wrong ones or errors. Memory "
        "of the server after each tenth,",
        f"MiB: {memory}.",
    ]


def serving_slow_clients(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    settings, seconds = row["settings"], row["seconds"]
    side, number = settings["side"], settings["clients"]
    lines = [
        f"From a {side}x{side} grey PNG to its mask through {settings['server']}",
        f"({origin(row)}), one request at a time: alone; beside",
        f"{number} clients that send a byte now and then; beside {number} a second "
        "that are cut off; beside",
        f"{number} over gRPC, and some over REST, that never read their answers. "
        "Ratios are to",
        "the requests that were alone, of p50 in the same turn:",
        "",
        "| clients beside | | p50, ms | p95, ms | p50 over alone | p95 over alone |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, transports in seconds.items():
        for name, turns in transports.items():
            alone = seconds["none"][name]
            values: list[float] = sum(turns, [])
            pairs = zip(turns, alone, strict=True)
            ratios = [statistics.median(a) / statistics.median(b) for a, b in pairs]
            lines.append(
                f"| {kind} | {name} | {1000 * statistics.median(values):.0f} | "
                f"{1000 * _high(values):.0f} | {spread(ratios)} | "
                f"{_high(values) / _high(sum(alone, [])):.2f} |"
            )
    return lines


def _high(seconds: list[float]) -> float:
    """The 95th percentile."""
    return sorted(seconds)[min(len(seconds) - 1, int(0.95 * len(seconds)))]


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


def serving_memory(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    lines = [
        "Peak resident memory of a process that loads an export (base_filters "
        f"{row['settings']['base_filters']}, float32)",
        f"and answers one grey PNG by `image_bytes` ({origin(row)}):",
        "",
        "| image | peak, MB |",
        "| --- | --- |",
    ]
    for run in row["runs"]:
        side, peak = run["side"], run["peak_megabytes"]
        lines.append(f"| {side}x{side} | {peak:.0f} |")
    return lines
