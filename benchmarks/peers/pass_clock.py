"""What the inference peers share: the image, and the counting of passes."""

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np

SIDE = 512


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-filters", type=int, default=32)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def image() -> np.ndarray:
    """Returns noise, float32 (height, width, 1)."""
    random = np.random.default_rng(seed=0)
    return random.normal(size=(SIDE, SIDE, 1)).astype(np.float32)


def count_passes(
    run: Callable[[], np.ndarray], seconds: float, images: int = 1
) -> None:
    """Writes the megapixels a second of a pass as JSON.

    Args:
        run: from the image in memory to its probabilities in memory, so that none can
            leave the work for later.
        seconds: to count for, after the warm-up.
        images: that a pass takes.

    Raises:
        ValueError: what comes back are not the probabilities of all pixels.
    """
    for _ in range(2):
        probability = run()
        if probability.size != images * SIDE**2 or probability.dtype != np.float32:
            raise ValueError(f"{probability.dtype} {probability.shape} came back.")
    start, passes = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run()
        passes += 1
    passed = time.perf_counter() - start
    row = {"megapixels_per_second": passes * images * SIDE**2 / passed / 10**6}
    sys.stdout.write(json.dumps(row) + "\n")
