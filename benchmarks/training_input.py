"""How much of the bare training step is left with the tile stream beside it.

Trains the default net of `fit` (base 16, 256-pixel tiles, batch 8) in turn on one batch
that lies in memory, and on the tile stream with everything switched on. The ratio says
how long the net waits for its tiles: 1 is never.

    python benchmarks/training_input.py [--rounds 3] [--steps 12]
"""

import argparse
import datetime
import itertools
import json
import os
import pathlib
import platform
import subprocess
import tempfile
import time

import numpy as np

import keras_unet
from pipelines import objectives, precision, run_folder, tiles
from pipelines.config import FitConfig
from pipelines.dataset import load_dataset
from pipelines.images.writing import write_image

RESULTS = pathlib.Path(__file__).parent / "results" / "training_input.jsonl"
BATCH_SIZE, TILE_SIZE = 8, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stream, model, computed = prepare(pathlib.Path(folder))
        batch = next(stream)
        bare, fed = itertools.repeat(batch), stream
        seconds_per_step(model, bare, 2), seconds_per_step(model, fed, 2)
        rounds = []
        for number in range(arguments.rounds):
            # In turn, so that a slow moment of the machine meets both.
            bare_seconds = seconds_per_step(model, bare, arguments.steps)
            fed_seconds = seconds_per_step(model, fed, arguments.steps)
            rounds.append([bare_seconds, fed_seconds])
            print(
                f"round {number + 1}: {BATCH_SIZE / bare_seconds:.1f} tiles/s bare, "
                f"{BATCH_SIZE / fed_seconds:.1f} fed by the stream"
            )
    ratios = [bare / fed for bare, fed in rounds]
    print(f"share of the bare step's speed, median: {np.median(ratios):.2f}")
    print(f"(from {min(ratios):.2f} to {max(ratios):.2f}; written to {RESULTS.name})")
    record(rounds, ratios, computed, arguments)


def prepare(folder: pathlib.Path):
    """Writes noise images; returns stream, compiled model and precision."""
    random = np.random.default_rng(0)
    for name, high in (("images", 256), ("masks", 2)):
        (folder / name).mkdir()
        for index in range(12):
            image = random.integers(0, high, (512, 512), dtype=np.uint8)
            write_image(folder / name / f"{index}.png", image)
    config = FitConfig(
        images=str(folder / "images"), masks=str(folder / "masks"), run_dir="unused"
    )
    dataset = load_dataset(config)
    shape = tiles.tile_shape(TILE_SIZE, config.depth, config.variant)
    stream = tiles.tile_stream(dataset, shape, batch_size=BATCH_SIZE, config=config)
    computed = precision.resolve("auto")
    with precision.policy(computed):
        model = keras_unet.build_unet(base_filters=config.base_filters, activation=None)
        model.compile(
            objectives.make_optimizer(config, 1e-3), objectives.make_loss(config, 1)
        )
    return iter(stream), model, computed


def seconds_per_step(model, batches, steps: int) -> float:
    start = time.perf_counter()
    for image, mask in itertools.islice(batches, steps):
        model.train_on_batch(image, mask)
    return (time.perf_counter() - start) / steps


def record(rounds, ratios, computed: str, arguments: argparse.Namespace) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    row = {
        "benchmark": "training_input",
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": run_folder.versions(),
        "precision": computed,
        "settings": vars(arguments),
        "seconds_per_step": rounds,
        "ratios": ratios,
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
