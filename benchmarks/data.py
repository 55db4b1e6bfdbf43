"""Images for the benchmarks: real slices where they are to be had, else noise."""

import os
import pathlib

import numpy as np

from pipelines.results.writing import write_image


def images_and_masks(folder: pathlib.Path) -> str:
    """Writes 24 images of 512x512 and their masks as PNG; returns what they are.

    The ISBI 2012 slices if KERAS_UNET_TEST_DATA names a folder that has them.
    """
    source = pathlib.Path(os.environ.get("KERAS_UNET_TEST_DATA", "data")) / "isbi2012"
    for name in ("images", "masks"):
        (folder / name).mkdir()
    if source.is_dir():
        for name, theirs in (("images", "image"), ("masks", "label")):
            for path in sorted((source / theirs).glob("*.png")):
                (folder / name / path.name).write_bytes(path.read_bytes())
        return "isbi2012"
    random = np.random.default_rng(0)
    for number in range(24):
        for name, high in (("images", 256), ("masks", 2)):
            pixels = random.integers(0, high, (512, 512), dtype=np.uint8)
            write_image(folder / name / f"{number:02}.png", pixels)
    return "noise"
