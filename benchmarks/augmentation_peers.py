"""Training tiles a second, against what a user would otherwise pick.

Each peer cuts and changes 256-pixel tiles of the same images in a process of its own,
with nothing else beside it, in turn over some rounds. The same kinds of changes as far
as the peer has them: flips, quarter turns, elastic deformation, rotation, zoom, shear,
brightness, contrast, gamma, noise, blur. The docstrings in peers/ say what is missing.

    python benchmarks/augmentation_peers.py [--rounds 3] [--seconds 10]

The environment of the peers is .venv-peers: `make .venv-peers/.installed`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import data
import records

HERE = pathlib.Path(__file__).parent
OURS = "keras_unet_tiles"
PEERS_PYTHON = HERE.parent / ".venv-peers" / "bin" / "python"
PYTHONS = {
    OURS: sys.executable,
    "albumentations_loader": str(PEERS_PYTHON),
    "keras_layers": sys.executable,
    "image_data_generator": sys.executable,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in PYTHONS}
    with tempfile.TemporaryDirectory() as folder:
        images = data.images_and_masks(pathlib.Path(folder))
        for number in range(given.rounds):
            for name in PYTHONS:
                speeds[name].append(tiles_per_second(name, folder, given.seconds))
                print(f"round {number + 1}: {name} {speeds[name][-1]:.0f} tiles/s")
    for name, measured in speeds.items():
        ratios = [a / b for a, b in zip(speeds[OURS], measured, strict=True)]
        print(
            f"{name}: {statistics.median(measured):.0f} tiles/s; ours "
            f"{records.spread(ratios)} times as fast"
        )
    records.append(
        "augmentation_peers", vars(given), images=images, tiles_per_second=speeds
    )


def tiles_per_second(name: str, folder: str, seconds: float) -> float:
    script = HERE / "peers" / f"{name}.py"
    environment = os.environ | {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(HERE.parent),
    }
    done = subprocess.run(
        [PYTHONS[name], str(script), folder, "--seconds", str(seconds)],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["tiles_per_second"])


if __name__ == "__main__":
    main()
