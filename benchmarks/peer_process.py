"""Runs one of peers/ in a process of its own, with a Python of its own."""

import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
# Interpreters: ours, and those of the peers' environments.
OURS = sys.executable
PEERS, ADDONS = (
    str(ROOT / venv / "bin" / "python") for venv in (".venv-peers", ".venv-addons")
)


def versions() -> dict[str, str]:
    """Returns the versions of the peers; empty without their environment."""
    lines = (HERE / "peers.txt").read_text().splitlines()
    names = [re.split(r"\W*[=<>~\[]", line)[0] for line in lines if line[:1].isalpha()]
    found = _installed(PEERS, names)
    # Those that stand in folders of their own, beside the environments that run them.
    for folder in ("medicai", "keras_unet_012"):
        found |= _installed(
            PEERS, [folder.split("_0")[0]], ROOT / ".venv-peers" / folder
        )
    old = _installed(ADDONS, ["tensorflow", "keras"])
    return found | {f"{name} of the addons stack": one for name, one in old.items()}


def _installed(
    python: str, names: Sequence[str], path: pathlib.Path = ROOT
) -> dict[str, str]:
    """Returns the versions of those packages that a Python finds; empty without it."""
    code = (
        "import json, sys; from importlib import metadata as m; "
        "there = {d.name.lower(): d.version for d in m.distributions()}; "
        "print(json.dumps({n: there[n] for n in sys.argv[1:] if n in there}))"
    )
    names = [name.lower().replace("_", "-") for name in names]
    if not pathlib.Path(python).exists():
        return {}
    done = subprocess.run(
        [python, "-c", code, *names],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(path)},
    )
    return {} if done.returncode else dict(json.loads(done.stdout))


def in_turn(
    names: Iterable[str], rounds: int, measure: Callable[[str], float], unit: str
) -> dict[str, list[float]]:
    """Returns the figures of each, measured in turn over some rounds.

    So a slow moment of the machine meets all.
    """
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name, measured in figures.items():
            measured.append(measure(name))
            print(f"round {number + 1}: {name}: {measured[-1]:.3g} {unit}", flush=True)
    return figures


def tiles_per_second(
    python: str, script: str, arguments: Sequence[str], path: pathlib.Path = ROOT
) -> float:
    """Returns what a script of peers/ that counts tiles has counted; see `figure`."""
    return figure("tiles_per_second", python, script, arguments, path)


def figure(
    name: str,
    python: str,
    script: str,
    arguments: Sequence[str],
    path: pathlib.Path = ROOT,
) -> float:
    """Returns a figure by its name; see `figures`."""
    return float(figures(python, script, arguments, path)[name])


def figures(
    python: str,
    script: str,
    arguments: Sequence[str],
    path: pathlib.Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Returns the figures that a script of peers/ writes as its last line.

    Args:
        python: interpreter.
        script: name in peers/, without .py.
        arguments: of the script.
        path: where it finds packages first.
        environment: more variables.
    """
    variables = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(path)}
    done = subprocess.run(
        [python, str(HERE / "peers" / f"{script}.py"), *arguments],
        capture_output=True,
        text=True,
        env=variables | dict(environment or {}),
    )
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
