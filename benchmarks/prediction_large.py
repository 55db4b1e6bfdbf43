"""Time and memory of `predict` over the size of the image, from TIFF to TIFF.

Trains a net for a few steps, lays ISBI 2012 slices (noise where they are not to be
had) to large tiled, compressed TIFFs, and predicts each in a process of its own with
every setting at its default. The peak must not depend on the size of the image.

    python benchmarks/prediction_large.py [--sides 5000,20000] [--base-filters 16]
"""

import argparse
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator

import data
import numpy as np
import records
import tifffile
from run_memory import peak_of

from pipelines.images import find_images, read_image

TILE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", default="5000,20000")
    parser.add_argument("--base-filters", type=int, default=16)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        images = data.images_and_masks(folder)
        train(folder, given.base_filters, steps=10)
        for side in map(int, given.sides.split(",")):
            write_mosaic(folder, side)
            start = time.monotonic()
            peak = command(
                "predict",
                model=folder / "run",
                images=folder / "mosaic.tif",
                out=folder / "mask.tif",
            )
            seconds = time.monotonic() - start
            check(folder / "mask.tif", side)
            rows.append(
                {
                    "side": side,
                    "peak_megabytes": peak / 10**6,
                    "seconds": seconds,
                    "megapixels_per_second": side**2 / seconds / 10**6,
                    "mask_bytes": (folder / "mask.tif").stat().st_size,
                }
            )
            print(
                "{side}x{side}: {peak_megabytes:.0f} MB, {seconds:.0f} s, "
                "{megapixels_per_second:.2f} megapixels/s".format(**rows[-1]),
                flush=True,
            )
    records.append("prediction_large", vars(given), images=images, runs=rows)


def train(folder: pathlib.Path, base_filters: int, steps: int) -> None:
    """Trains a net on the images of `data.images_and_masks`, into folder/run."""
    command(
        "fit",
        images=folder / "images",
        masks=folder / "masks",
        run_dir=folder / "run",
        base_filters=base_filters,
        steps=steps,
        validations=1,
    )


def command(verb: str, **settings: object) -> int:
    """Runs keras-unet; returns its peak memory in bytes."""
    words = [sys.executable, "-m", "pipelines.cli", verb]
    for name, value in settings.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return peak_of(words)


def write_mosaic(folder: pathlib.Path, side: int) -> None:
    """Writes turned slices side by side, tile by tile."""
    slices = [read_image(entry) for entry in find_images(str(folder / "images"))]
    random = np.random.default_rng(0)

    def tiles() -> Iterator[np.ndarray]:
        for _ in range((-(-side // TILE)) ** 2):
            tile = slices[random.integers(len(slices))][..., 0]
            tile = np.rot90(tile, int(random.integers(4)))
            yield np.ascontiguousarray(tile[:, ::-1] if random.integers(2) else tile)

    tifffile.imwrite(
        folder / "mosaic.tif",
        tiles(),
        shape=(side, side),
        dtype=np.uint8,
        tile=(TILE, TILE),
        compression="zlib",
    )


def check(path: pathlib.Path, side: int) -> None:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if page.shape != (side, side) or not page.is_tiled:
            sys.exit(f"{path} is not the mask that was expected: {page}")


if __name__ == "__main__":
    main()
