"""The records that figures come from: benchmarks/results/NAME.jsonl, a row a run."""

import datetime
import json
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys
from importlib import metadata
from typing import Any

import peer_process

RESULTS = pathlib.Path(__file__).parent / "results"
PACKAGES = ("keras-unet-pipelines", "tensorflow", "keras", "numpy")


def append(
    name: str, settings: dict[str, Any], *, peers: bool = False, **figures: Any
) -> None:
    """Appends a row: when, on what, by which command, with which versions, the figures.

    Args:
        name: of the file.
        settings: of the script.
        peers: adds the versions of what is measured beside.
        figures: raw numbers.
    """
    script, *words = sys.argv
    row = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "processor": processor(),
        "command": shlex.join([f"benchmarks/{pathlib.Path(script).name}", *words]),
        "versions": {package: metadata.version(package) for package in PACKAGES},
        **({"peers": peer_process.versions()} if peers else {}),
        "settings": settings,
        **figures,
    }
    with (RESULTS / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def commit() -> str:
    """Returns the commit, with "-dirty" where the code has changes that it lacks.

    Records that were appended since are no such change.
    """
    changes = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!.")
    return git("describe", "--always", "--exclude=*") + ("-dirty" if changes else "")


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=RESULTS)
    return done.stdout.strip()


def load(name: str) -> list[dict[str, Any]]:
    """Reads all rows, oldest first."""
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def origin(row: dict[str, Any]) -> str:
    """Returns date, commit and machine of a row, its processor if that is known."""
    known = [row["processor"]] if "processor" in row else []
    return ", ".join([row["date"], row["commit"], *known, row["machine"]])


def processor() -> str:
    """Returns the model of the processor, and whether it computes bfloat16."""
    about = pathlib.Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    facts = dict(
        re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line
    )
    model = facts.get("model name", platform.processor() or "unknown")
    flags = set(facts.get("flags", "").split())
    has = "with" if flags & {"avx512_bf16", "amx_bf16"} else "without"
    return f"{model} {has} bfloat16"


def spread(values: list[float]) -> str:
    """Returns median and range in words, for example "1.02 (0.94 to 1.07)"."""
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    digits = 0 if middle >= 20 else 1 if middle >= 10 else 2
    low, high = ordered[0], ordered[-1]
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
