"""The most memory that an export takes to answer one image.

Loads an export in a process of its own, asks it for the mask of one PNG by
`image_bytes`, and reads the process's peak resident memory from the operating system.
A server adds the connections and what else it computes at the time.

    python benchmarks/serving_memory.py [--base-filters 16] [--sides 256,2000,4000,8000]
"""

import argparse
import pathlib
import sys
import tempfile
import time

import imagecodecs
import numpy as np
import records
from run_memory import peak_of

HERE = str(pathlib.Path(__file__).parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--sides", default="256,2000,4000,8000")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # Not in this process: TensorFlow would stay in it.
        peak_of(call("write_export", name, str(given.base_filters)))
        for side in map(int, given.sides.split(",")):
            write_image(folder / "image.png", side)
            start = time.monotonic()
            peak = peak_of(call("answer", f"{name}/model/1", f"{name}/image.png"))
            rows.append(
                {
                    "side": side,
                    "peak_megabytes": peak / 1e6,
                    "seconds": time.monotonic() - start,
                }
            )
            print("{side}x{side}: {peak_megabytes:.0f} MB".format(**rows[-1]))
    records.append("serving_memory", vars(given), runs=rows)


def call(function: str, *words: str) -> list[str]:
    """Returns the command that calls a function of this file."""
    code = (
        f"import sys; sys.path.append({HERE!r}); import serving_memory; "
        f"serving_memory.{function}(*sys.argv[1:])"
    )
    return [sys.executable, "-c", code, *words]


def write_image(path: pathlib.Path, side: int) -> None:
    """Writes a PNG of noise, the same in squares of 256 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    repeats = -(-side // 256)
    path.write_bytes(
        imagecodecs.png_encode(np.tile(noise, (repeats, repeats))[:side, :side].copy())
    )


def write_export(folder: str, base_filters: str) -> None:
    """Called in a process of its own."""
    import served_model

    served_model.exported(
        pathlib.Path(folder), "model", depth=4, base_filters=int(base_filters)
    )


def answer(export: str, image: str) -> None:
    """Called in a process of its own."""
    import tensorflow as tf

    loaded = tf.saved_model.load(export)
    data = tf.constant([pathlib.Path(image).read_bytes()])
    found = loaded.signatures["image_bytes"](image_bytes=data)["mask_bytes"][0]
    shape = imagecodecs.png_decode(found.numpy()).shape
    if shape != imagecodecs.png_decode(data[0].numpy()).shape:
        sys.exit(f"a mask of {shape}")


if __name__ == "__main__":
    main()
