"""What settings of TensorFlow and Keras do to the speed of a training step.

The padded net on one batch of 8 tiles of 256x256, by `model.fit`: as `fit` of the
command line trains it, and with one thing otherwise. Each in a process of its own, in
turn over some rounds.

    python benchmarks/step_settings.py [--base-filters 16] [--rounds 3] [--seconds 12]
"""

import argparse
import os
import statistics

import peer_process
import records

AS_IT_IS = "as fit does"
# By name: flags of peers/train_settings.py.
SETTINGS = {
    AS_IT_IS: [],
    "float32": ["--precision", "float32"],
    "8 steps a call": ["--steps-a-call", "8"],
    "XLA": ["--xla"],
    "1 thread": ["--threads", "1"],
    "twice the threads": ["--threads", str(2 * (os.cpu_count() or 1))],
    # Where a step takes nearly a minute.
    "without oneDNN": ["--steps", "1"],
}
ENVIRONMENT = {"without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    speeds = peer_process.in_turn(
        SETTINGS, given.rounds, lambda name: tiles_per_second(name, given), "tiles/s"
    )
    for name, measured in speeds.items():
        pairs = zip(measured, speeds[AS_IT_IS], strict=True)
        ratios = records.spread([a / b for a, b in pairs])
        print(f"{name}: {statistics.median(measured):.3g} tiles/s, {ratios} times")
    records.append("step_settings", vars(given), tiles_per_second=speeds)


def tiles_per_second(name: str, given: argparse.Namespace) -> float:
    flags = ["--base-filters", str(given.base_filters), *SETTINGS[name]]
    flags += ["--seconds", str(given.seconds)]
    added = ENVIRONMENT.get(name, {})
    return peer_process.figures(
        peer_process.OURS, "train_settings", flags, environment=added
    )["tiles_per_second"]


if __name__ == "__main__":
    main()
