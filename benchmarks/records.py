"""The records that figures come from: benchmarks/results/NAME.jsonl, a row a run."""

import datetime
import json
import os
import pathlib
import platform
import subprocess
from importlib import metadata
from typing import Any

RESULTS = pathlib.Path(__file__).parent / "results"
PACKAGES = ("keras-unet-pipelines", "tensorflow", "keras", "numpy")


def append(name: str, settings: dict[str, Any], **figures: Any) -> None:
    """Appends a row: when, on what, with which versions and settings, the figures."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=RESULTS,
    )
    row = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "settings": settings,
        **figures,
    }
    with (RESULTS / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def load(name: str) -> list[dict[str, Any]]:
    """Reads all rows, oldest first."""
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def origin(row: dict[str, Any]) -> str:
    """Returns date, commit and machine of a row."""
    return f"{row['date']}, {row['commit']}, {row['machine']}"


def spread(values: list[float]) -> str:
    """Returns median and range in words, for example "1.02 (0.94 to 1.07)"."""
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    digits = 0 if middle >= 20 else 1 if middle >= 10 else 2
    low, high = ordered[0], ordered[-1]
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
