"""How much of the bare training step is left with the tile stream beside it.

Trains the net of `fit` (256-pixel tiles, batch 8) in turn on one batch that lies in
memory, and on the tile stream with everything switched on. The ratio says how long the
net waits for its tiles: 1 is never.

    python benchmarks/training_input.py [--base-filters 16] [--rounds 3] [--steps 12]
"""

import argparse
import itertools
import pathlib
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Any

import data
import keras
import records

import keras_unet
from pipelines import tiles
from pipelines.config import FitConfig
from pipelines.dataset import load_dataset
from pipelines.images import ArrayCache
from pipelines.inference import policy
from pipelines.training import objectives, precision

BATCH_SIZE, TILE_SIZE, DEPTH = 8, 256, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = data.images_and_masks(pathlib.Path(folder))
        stream, model, computed = prepare(pathlib.Path(folder), given.base_filters)
        bare, fed = itertools.repeat(next(stream)), stream
        seconds_per_step(model, bare, 2), seconds_per_step(model, fed, 2)
        rounds = []
        for number in range(given.rounds):
            # In turn, so that a slow moment of the machine meets both.
            bare_seconds = seconds_per_step(model, bare, given.steps)
            fed_seconds = seconds_per_step(model, fed, given.steps)
            rounds.append([bare_seconds, fed_seconds])
            print(
                f"round {number + 1}: {BATCH_SIZE / bare_seconds:.1f} tiles/s bare, "
                f"{BATCH_SIZE / fed_seconds:.1f} fed by the stream"
            )
    ratios = [bare / fed for bare, fed in rounds]
    print(f"share of the bare step's speed: {records.spread(ratios)}")
    records.append(
        "training_input",
        vars(given),
        images=images,
        precision=computed,
        seconds_per_step=rounds,
        ratios=ratios,
    )


def prepare(
    folder: pathlib.Path, base_filters: int
) -> tuple[Iterator[Any], keras.Model, str]:
    """Returns stream, compiled model and precision."""
    config = FitConfig(
        images=str(folder / "images"),
        masks=str(folder / "masks"),
        run_dir="unused",
        base_filters=base_filters,
        depth=DEPTH,
    )
    shape = tiles.tile_shape(TILE_SIZE, DEPTH, config.variant)
    stream = tiles.tile_stream(
        load_dataset(config),
        shape,
        batch_size=BATCH_SIZE,
        config=config,
        cache=ArrayCache(folder / "cache", 2**30),
    )
    computed = precision.resolve("auto")
    with policy(computed):
        model = keras_unet.build_unet(base_filters=base_filters, activation=None)
        model.compile(
            objectives.make_optimizer(config, 1e-3), objectives.make_loss(config, 1)
        )
    return iter(stream), model, computed


def seconds_per_step(model: keras.Model, batches: Iterable[Any], steps: int) -> float:
    start = time.perf_counter()
    for batch in itertools.islice(batches, steps):
        model.train_on_batch(*batch)
    return (time.perf_counter() - start) / steps


if __name__ == "__main__":
    main()
