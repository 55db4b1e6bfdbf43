"""Training tiles a second of the padded net, against what a user would otherwise pick.

256-pixel tiles in batches of 8, the same batch again and again: the step alone. Each
peer runs in a process of its own, with nothing else beside it, in turn over some
rounds; the files in peers/ say what each is.

    python benchmarks/training_speed.py [--base-filters 16] [--rounds 3] [--seconds 12]

The environments of the peers are .venv-peers and .venv-addons: `make
.venv-peers/.installed .venv-addons/.installed`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import records

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
OURS = "ours"
TORCH, ADDONS = (
    str(ROOT / venv / "bin" / "python") for venv in (".venv-peers", ".venv-addons")
)
# Python, script, its flags.
PEERS = {
    OURS: (sys.executable, "train_keras_unet", []),
    "keras_float32": (sys.executable, "train_keras_layers", []),
    "keras_bfloat16": (
        sys.executable,
        "train_keras_layers",
        ["--precision", "mixed_bfloat16"],
    ),
    "torch_bfloat16": (TORCH, "train_torch", []),
    "keras_unet_012": (ADDONS, "train_keras_unet_012", []),
    "ours_keras_2": (ADDONS, "train_keras_unet", []),
}
# Its package has the name of ours.
PATHS = {"keras_unet_012": ROOT / ".venv-peers" / "keras_unet_012"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in PEERS}
    for number in range(given.rounds):
        for name in PEERS:
            speeds[name].append(tiles_per_second(name, given))
            print(f"round {number + 1}: {name} {speeds[name][-1]:.1f} tiles/s")
    for name, measured in speeds.items():
        ratios = [a / b for a, b in zip(speeds[OURS], measured, strict=True)]
        print(
            f"{name}: {statistics.median(measured):.1f} tiles/s; ours "
            f"{records.spread(ratios)} times as fast"
        )
    records.append("training_speed", vars(given), tiles_per_second=speeds)


def tiles_per_second(name: str, given: argparse.Namespace) -> float:
    python, script, flags = PEERS[name]
    environment = os.environ | {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(PATHS.get(name, ROOT)),
    }
    sizes = ["--base-filters", str(given.base_filters)]
    sizes += ["--seconds", str(given.seconds)]
    done = subprocess.run(
        [python, str(HERE / "peers" / f"{script}.py"), *sizes, *flags],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["tiles_per_second"])


if __name__ == "__main__":
    main()
