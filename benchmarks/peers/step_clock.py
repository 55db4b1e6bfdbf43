"""What the training peers share: the batch, and the counting of steps."""

import argparse
from collections.abc import Callable

import numpy as np
from clock import BATCH_SIZE, TILE_SIZE, count_tiles

# Tiles of a batch, sides of the images and of the masks.
SIZES = {"padded": (BATCH_SIZE, TILE_SIZE, TILE_SIZE), "paper": (1, 572, 388)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=SIZES, default="padded")
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def batch(variant: str = "padded") -> tuple[np.ndarray, np.ndarray]:
    """Returns images and masks of 0 and 1, float32 (batch, height, width, 1)."""
    random = np.random.default_rng(seed=0)
    number, side, kept = SIZES[variant]
    images = random.normal(size=(number, side, side, 1)).astype(np.float32)
    cut = (side - kept) // 2
    masks = images[:, cut : cut + kept, cut : cut + kept] > 0.5
    return images, masks.astype(np.float32)


def count_steps(step: Callable[[], None], given: argparse.Namespace) -> None:
    """Writes the tiles a second of a training step on one batch."""
    number = SIZES[given.variant][0]

    def steps():
        while True:
            step()
            yield (range(number),)

    # A step of the paper's net takes seconds.
    count_tiles(steps(), given.seconds, warm_up=2 if number == 1 else 5)
