"""What the training peers share: the batch, and the counting of steps."""

import argparse
from collections.abc import Callable

import numpy as np
from clock import BATCH_SIZE, TILE_SIZE, count_tiles


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Returns images and masks, float32 (batch, height, width, 1)."""
    random = np.random.default_rng(seed=0)
    shape = (BATCH_SIZE, TILE_SIZE, TILE_SIZE, 1)
    images = random.normal(size=shape).astype(np.float32)
    return images, (images > 0.5).astype(np.float32)


def count_steps(step: Callable[[], None], seconds: float) -> None:
    """Writes the tiles a second of a training step on one batch."""

    def steps():
        while True:
            step()
            yield (range(BATCH_SIZE),)

    count_tiles(steps(), seconds)
