"""How long a user waits before anything happens.

Seconds that `import keras_unet`, with all that registers itself, adds to importing
TensorFlow and Keras; and from then to the end of the first training step of the padded
net (building it and tracing the step included). A new process each round. And from
the command `fit` to the end of its first step, on 24 images of 512x512: reading and
checking them is in it.

    python benchmarks/start_up.py [--base-filters 16] [--rounds 3]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import data
import records

ROOT = pathlib.Path(__file__).parents[1]
PROGRAM = """
import json, sys, time
start = time.perf_counter()
import tensorflow, keras
imported = time.perf_counter()
import keras_unet
keras_unet.layers, keras_unet.losses, keras_unet.metrics, keras_unet.build_unet
added = time.perf_counter()
import numpy as np
from pipelines.inference import policy
from pipelines.training import precision
with policy(precision.resolve("auto")):
    model = keras_unet.build_unet(base_filters=int(sys.argv[1]), activation=None)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
tiles = np.zeros((8, 256, 256, 1), "float32")
model.train_on_batch(tiles, tiles)
trained = time.perf_counter()
print(json.dumps([imported - start, added - imported, trained - added]))
"""
NAMES = ("tensorflow_and_keras", "keras_unet", "first_step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(given.base_filters)]
    rounds = []
    for _ in range(given.rounds):
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=True
        )
        rounds.append(json.loads(done.stdout.splitlines()[-1]))
    seconds = dict(zip(NAMES, map(list, zip(*rounds, strict=True)), strict=True))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = data.images_and_masks(folder)
        seconds["fit"] = [
            first_step_of_fit(folder, f"run{number}", given.base_filters)
            for number in range(given.rounds)
        ]
    for name, values in seconds.items():
        print(f"{name}: {records.spread(values)} s")
    records.append("start_up", vars(given), seconds=seconds, source=source)


def first_step_of_fit(folder: pathlib.Path, run: str, base_filters: int) -> float:
    """Returns the seconds from the command to the first step, seen by its checkpoint.

    The training has no second step: it goes on to its validation, and is waited for.
    """
    command = [sys.executable, "-m", "pipelines.cli", "fit", "--run-dir", run]
    command += ["--images", "images", "--masks", "masks", "--steps", "1"]
    command += ["--checkpoint-minutes", "0", "--base-filters", str(base_filters)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    begin = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.DEVNULL
    ) as fit:
        while not list((folder / run).glob("checkpoint/step_*.npz")):
            if fit.poll() is not None:
                raise RuntimeError(f"fit ended with {fit.returncode} before a step")
            time.sleep(0.01)
        seconds = time.perf_counter() - begin
    return seconds


if __name__ == "__main__":
    main()
