"""The most memory that `fit` takes, over the size and the number of its images.

Trains some steps on (a) one image in a sparse .npy file, (b) many names of one image
of 16 MiB, (c) one tiled, compressed BigTIFF, (d) a small image, validating on a large
tiled TIFF, and reads the peak resident memory of the whole process from the operating
system. Sparse files and repeated names stand for data that would not fit on a small
disk: they are read and checked all the same.

    python benchmarks/run_memory.py [--gibibytes 1,10] [--steps 20]
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import records
import tifffile

GIBIBYTE = 2**30
SIDE = 4096
PARTS = ("images", "masks")
# Of kinds that are not of those that are given.
SIZES = {"tiff": [4.0], "held_out": [1 / 64, 1 / 8]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gibibytes", default="1,10")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--kinds", default="sparse,repeated,tiff,held_out")
    given = parser.parse_args()
    for kind in given.kinds.split(","):
        rows = []
        sizes = SIZES.get(kind) or map(float, given.gibibytes.split(","))
        for gibibytes in sizes:
            rows.append(measure(kind, gibibytes, given.steps))
            print(
                "{kind}, {gibibytes:g} GiB: {peak_mebibytes:.0f} MiB at the most, "
                "{seconds:.0f} s".format(**rows[-1]),
                flush=True,
            )
        # By kind: the larger ones take hours.
        records.append("run_memory", vars(given), runs=rows)


def measure(kind: str, gibibytes: float, steps: int) -> dict:
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = pathlib.Path(name)
        for part in PARTS:
            (folder / part).mkdir()
        WRITERS[kind](folder, gibibytes)
        large = [str(folder / part) for part in PARTS]
        small = write_small(folder)
        training, held_out = (small, large) if kind == "held_out" else (large, small)
        words = ["fit", "--images", training[0], "--masks", training[1]]
        words += ["--validation-images", held_out[0]]
        words += ["--validation-masks", held_out[1]]
        words += ["--run-dir", f"{folder}/run", "--steps", str(steps)]
        words += ["--validations", "1"]
        start = time.monotonic()
        peak = peak_of([sys.executable, "-m", "pipelines.cli", *words])
        seconds = time.monotonic() - start
    return {
        "kind": kind,
        "gibibytes": gibibytes,
        "peak_mebibytes": peak / 2**20,
        "seconds": seconds,
    }


def peak_of(command: list[str]) -> int:
    """Runs a command; returns its peak resident memory in bytes."""
    # In a process of its own: the kernel keeps the peak over all children.
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stderr=subprocess.PIPE, text=True)\n"
        "sys.stderr.write(done.stderr[-2000:] if done.returncode else '')\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(done.returncode)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=pathlib.Path(__file__).parents[1],
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed")
    return int(done.stdout.splitlines()[-1]) * 1024


def write_sparse(folder: pathlib.Path, gibibytes: float) -> None:
    side = int((gibibytes * GIBIBYTE) ** 0.5)
    random = np.random.default_rng(0)
    for part, high in (("images", 256), ("masks", 2)):
        shape = (side, side)
        array = np.lib.format.open_memmap(
            folder / part / "0.npy", mode="w+", dtype=np.uint8, shape=shape
        )
        # Most of the file is a hole: zeros that take no disk.
        array[:512, :512] = random.integers(0, high, (512, 512))


def write_repeated(folder: pathlib.Path, gibibytes: float) -> None:
    random = np.random.default_rng(0)
    for part, high in (("images", 256), ("masks", 2)):
        first = folder / part / "0.npy"
        pixels = random.integers(0, high, (SIDE, SIDE), dtype=np.uint8)
        np.save(first, pixels)
        for number in range(1, round(gibibytes * GIBIBYTE / pixels.nbytes)):
            os.link(first, folder / part / f"{number}.npy")


def write_tiff(folder: pathlib.Path, gibibytes: float) -> None:
    side = int((gibibytes * GIBIBYTE) ** 0.5) // 256 * 256
    random = np.random.default_rng(0)
    for part, high in (("images", 256), ("masks", 2)):
        tile = random.integers(0, high, (256, 256), dtype=np.uint8)
        tifffile.imwrite(
            folder / part / "0.tif",
            (tile for _ in range((side // 256) ** 2)),
            shape=(side, side),
            dtype=np.uint8,
            tile=(256, 256),
            compression="zlib",
            bigtiff=True,
        )


def write_small(folder: pathlib.Path) -> list[str]:
    """Writes an image of 512x512 pixels and its mask; returns their paths."""
    random = np.random.default_rng(1)
    paths = []
    for part, high in (("image", 256), ("mask", 2)):
        pixels = random.integers(0, high, (512, 512), dtype=np.uint8)
        (folder / f"small_{part}").mkdir()
        paths.append(str(folder / f"small_{part}" / "0.npy"))
        np.save(paths[-1], pixels)
    return paths


WRITERS = {
    "sparse": write_sparse,
    "repeated": write_repeated,
    "tiff": write_tiff,
    "held_out": write_tiff,
}

if __name__ == "__main__":
    main()
