"""Training images and held-out images of the peers whose accuracy is compared."""

import argparse
import json
import pathlib
import time

import numpy as np
import PIL.Image

TILE_SIZE, BATCH_SIZE = 256, 8
# The padded nets halve four times.
GRID = 16


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", required=True, help="has images/ and masks/")
    parser.add_argument("--test", required=True, help="has images/")
    parser.add_argument("--out", required=True, help="gets NAME.npy: probabilities")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def training_pairs(folder):
    """Returns (image, mask) of each file: values as they are, and 0 or 1 as uint8.

    Masks of instances are 1 where there is an object. Images smaller than a tile are
    mirrored to its size.
    """
    found = []
    for path in sorted((pathlib.Path(folder) / "images").iterdir()):
        image = read(path)
        mask = read(pathlib.Path(folder) / "masks" / path.name) > 0
        margins = [(0, max(0, TILE_SIZE - size)) for size in image.shape]
        pair = (np.pad(one, margins, mode="reflect") for one in (image, mask))
        image, mask = pair
        found.append((image, mask.astype(np.uint8)))
    return found


def read(path):
    with PIL.Image.open(path) as image:
        return np.asarray(image)


def scaled(tile, like=None):
    """Returns a tile by mean and s.d. of the image that it is of, as float32."""
    image = tile if like is None else like
    mean, std = float(image.mean()), float(image.std())
    return (tile.astype(np.float32) - mean) / (std + 1e-6)


def train(step, minutes):
    """Calls `step` until the minutes, counted from the first one's end, are over."""
    step()
    steps, end = 1, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        step()
        steps += 1
    return steps


def write_probabilities(given, probability_of, steps):
    """Writes the mean over flips and turns of each test image.

    Tells the steps, and the seconds that this took after them. `probability_of` takes a
    scaled image (height, width), sizes on the grid of the net.
    """
    begin = time.monotonic()
    for path in sorted((pathlib.Path(given.test) / "images").iterdir()):
        image = scaled(read(path))
        height, width = image.shape
        margins = [(0, -size % GRID) for size in image.shape]
        image = np.pad(image, margins, mode="reflect")
        total = 0.0
        for turns in range(4):
            for mirrored in (False, True):
                turned = np.rot90(image, turns)
                turned = turned[:, ::-1] if mirrored else turned
                found = probability_of(np.ascontiguousarray(turned))
                found = found[:, ::-1] if mirrored else found
                total = total + np.rot90(found, -turns)
        mean = (total / 8)[:height, :width]
        np.save(pathlib.Path(given.out) / f"{path.stem}.npy", mean.astype(np.float32))
    seconds = time.monotonic() - begin
    print(json.dumps({"steps": steps, "prediction_seconds": seconds}))
