"""Training tiles a second of the stream alone, with everything switched on.

Tiles of 256x256 with all changes and a third of them on rarer classes, with and without
the paper's weight map, in turn. The user time of the process is kept too: on a busy
machine it says more than the clock.

    python benchmarks/tile_stream.py [--rounds 3] [--seconds 10]
"""

import argparse
import pathlib
import resource
import statistics
import tempfile
import time
from typing import Any

import data
import records

from pipelines import tiles
from pipelines.config import TilesConfig
from pipelines.config.stream import WeightMap
from pipelines.dataset import load_dataset
from pipelines.images import ArrayCache

TILE_SIZE, BATCH_SIZE = 256, 8
EVERYTHING: dict[str, Any] = {
    "rotation": 15.0,
    "zoom": 0.2,
    "shear": 5.0,
    "gamma": 0.2,
    "noise": 0.2,
    "blur": 1.5,
}
STREAMS: dict[str, WeightMap] = {"tiles": "none", "tiles_and_weight_maps": "paper"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in STREAMS}
    costs: dict[str, list[float]] = {name: [] for name in STREAMS}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        images = data.images_and_masks(folder)
        for number in range(given.rounds):
            for stream, weight_map in STREAMS.items():
                speed, cost = measure(folder, weight_map, given.seconds)
                speeds[stream].append(speed)
                costs[stream].append(cost)
                print(
                    f"round {number + 1}, {stream}: {speed:.0f} tiles/s, "
                    f"{cost:.2f} ms of processor time a tile"
                )
    for stream, measured in speeds.items():
        print(f"{stream}: {statistics.median(measured):.0f} tiles/s")
    records.append(
        "tile_stream",
        vars(given) | EVERYTHING,
        images=images,
        tiles_per_second=speeds,
        processor_milliseconds=costs,
    )


def measure(
    folder: pathlib.Path, weight_map: WeightMap, seconds: float
) -> tuple[float, float]:
    """Returns tiles a second and milliseconds of processor time a tile."""
    config = TilesConfig(
        images=str(folder / "images"),
        masks=str(folder / "masks"),
        weight_map=weight_map,
        **EVERYTHING,
    )
    cache = ArrayCache(folder / "cache", 2**30)
    shape = tiles.tile_shape(TILE_SIZE, config.depth, config.variant)
    stream = tiles.tile_stream(
        load_dataset(config, cache=cache),
        shape,
        batch_size=BATCH_SIZE,
        config=config,
        cache=cache,
    )
    batches = iter(stream)
    # Every image once: what is decoded or computed once is not the stream's speed.
    for _ in range(30):
        next(batches)
    start, before, count = time.perf_counter(), processor_seconds(), 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += BATCH_SIZE
    elapsed = time.perf_counter() - start
    return count / elapsed, 1e3 * (processor_seconds() - before) / count


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
