"""The most memory that `predict` takes, against what `--memory` promises.

Predicts tiled TIFFs with nets of random weights, from file to file, each in a process
of its own, and reads its peak resident memory from the operating system.

    python benchmarks/prediction_memory.py [--cases padded:16:3000:1500,...]

A case is variant:base_filters:side of the image:megabytes promised[:precision].
"""

import argparse
import pathlib
import sys
import tempfile
import time

import numpy as np
import records
import tifffile
from run_memory import peak_of

CASES = (
    "padded:16:3000:1500,padded:16:2000:1000,paper:16:3000:1500,"
    "padded:64:1300:1500,paper:64:1300:1500,padded:64:1300:2500,"
    "padded:16:3000:1500:bfloat16,padded:64:1300:2000:bfloat16"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=CASES)
    given = parser.parse_args()
    rows = []
    for case in given.cases.split(","):
        variant, base_filters, side, promised, *precision = case.split(":")
        rows.append(
            measure(variant, int(base_filters), int(side), int(promised), *precision)
        )
        print(
            "{variant}, base {base_filters}, {precision}, {side}x{side}: "
            "{peak_megabytes:.0f} MB "
            "of {promised_megabytes} MB, {seconds:.0f} s".format(**rows[-1]),
            flush=True,
        )
    records.append("prediction_memory", vars(given), runs=rows)


def measure(
    variant: str,
    base_filters: int,
    side: int,
    promised: int,
    precision: str = "float32",
) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_image(folder / "image.tif", side)
        # Not in this process: TensorFlow would stay in it.
        code = "import sys, prediction_memory as m; m.write_run(*sys.argv[1:])"
        here = str(pathlib.Path(__file__).parent)
        words = [variant, str(base_filters), f"{folder}/run"]
        peak_of(
            [sys.executable, "-c", f"import sys; sys.path.append({here!r}); {code}"]
            + words
        )
        words = ["predict", "--model", f"{folder}/run", "--images"]
        words += [f"{folder}/image.tif", "--out", f"{folder}/mask.tif"]
        words += ["--memory", f"{promised}MB", "--precision", precision]
        start = time.monotonic()
        peak = peak_of([sys.executable, "-m", "pipelines.cli", *words])
        seconds = time.monotonic() - start
    return {
        "variant": variant,
        "base_filters": base_filters,
        "side": side,
        "promised_megabytes": promised,
        "precision": precision,
        "peak_megabytes": peak / 10**6,
        "seconds": seconds,
    }


def write_image(path: pathlib.Path, side: int) -> None:
    """Writes noise as a tiled, compressed TIFF, tile by tile."""
    random = np.random.default_rng(0)
    tiles = (-(-side // 256)) ** 2
    tifffile.imwrite(
        path,
        (random.integers(0, 256, (256, 256), dtype=np.uint8) for _ in range(tiles)),
        shape=(side, side),
        dtype=np.uint8,
        tile=(256, 256),
        compression="zlib",
    )


def write_run(variant: str, base_filters: str, run: str) -> None:
    """Called in a process of its own: TensorFlow stays in this one's."""
    import random_run

    random_run.write_run(run, variant, base_filters=int(base_filters))


if __name__ == "__main__":
    main()
