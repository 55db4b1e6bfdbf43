"""What the peers share: the images, and the counting of tiles for some seconds."""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import PIL.Image

TILE_SIZE, BATCH_SIZE = 256, 8


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def pairs(folder: pathlib.Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Reads all images and masks into memory, uint8 (height, width)."""
    return [
        tuple(np.asarray(PIL.Image.open(folder / name / path.name)) for name in NAMES)
        for path in sorted((folder / "images").iterdir())
    ]


NAMES = ("images", "masks")


def count_tiles(batches, seconds: float, warm_up: int = 5) -> None:
    """Warms up, takes batches for some seconds, writes tiles a second as JSON."""
    batches = iter(batches)
    for _ in range(warm_up):
        next(batches)
    processor, start, tiles = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        tiles += len(next(batches)[0])
    passed = time.perf_counter() - start
    row = {
        "tiles_per_second": tiles / passed,
        # Of this process: workers of a loader are processes of their own.
        "processor_seconds_per_tile": (time.process_time() - processor) / tiles,
    }
    sys.stdout.write(json.dumps(row) + "\n")
