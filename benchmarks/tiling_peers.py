"""A large image through `predict` and through MONAI's sliding windows: cost and error.

One net, trained for some steps, on the same image of ISBI 2012 slices (noise where
they are not to be had) laid side by side, from TIFF to TIFF of float32 probabilities,
each in a process of its own whose start counts. The error is the difference from what
the same engine gives for the whole image in one pass (ours mirrors its borders, the
other pads them with zeros), and the share of the pixels whose mask is another.

    python benchmarks/tiling_peers.py [--side 5000] [--small-side 1500] [--steps 60]
        [--rounds 2] [--precisions float32,bfloat16]

The memory of the peer grows with the image: from its peaks at both sides follows the
largest image that it takes within 2 GiB; ours is bounded whatever the image. The
environment of the peer is .venv-peers: `make .venv-peers/.installed`.
"""

import argparse
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import data
import numpy as np
import peer_process
import records
import tifffile
from prediction_large import command, train, write_mosaic
from run_memory import peak_of

LIMIT = 2**31
PEER = peer_process.HERE / "peers" / "tile_monai.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=5000)
    parser.add_argument("--small-side", type=int, default=1500)
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--precisions", default="float32,bfloat16")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        images = data.images_and_masks(folder)
        prepare(folder, given)
        runs = []
        for precision in given.precisions.split(","):
            runs += measure(folder, precision, given)
    records.append("tiling_peers", vars(given), peers=True, images=images, runs=runs)


def prepare(folder: pathlib.Path, given: argparse.Namespace) -> None:
    """Trains the net, writes its weights for the peer, and the whole-image results."""
    train(folder, given.base_filters, given.steps)
    here = str(pathlib.Path(__file__).parent)
    code = f"import sys; sys.path.append({here!r}); import tiling_peers as t; "
    words = [str(folder / "run"), str(folder / "weights.npz")]
    peak_of([sys.executable, "-c", f"{code} t.write_weights(*sys.argv[1:])", *words])
    for side in (given.small_side, given.side):
        write_mosaic(folder, side)
        (folder / "mosaic.tif").rename(folder / f"{side}.tif")
    ours(folder, given.side, "float32", "ours_whole", memory="64GB")
    peer(folder, given.side, "float32", "monai_whole", "--whole")


def write_weights(run_dir: str, path: str) -> None:
    """Writes the weights of a run by layer and place, in a process with TensorFlow."""
    from pipelines import run_folder

    layers = run_folder.load(run_dir).model.layers
    np.savez(
        path,
        **{
            f"{layer.name}/{place}": weight
            for layer in layers
            for place, weight in enumerate(layer.get_weights())
        },
    )


def measure(
    folder: pathlib.Path, precision: str, given: argparse.Namespace
) -> list[dict]:
    engines: dict[str, Callable[..., tuple[float, int]]]
    engines = {"ours": ours, "monai": peer}
    runs: dict[str, dict[str, Any]] = {
        name: {"engine": name, "precision": precision, "seconds": [], "peaks": []}
        for name in engines
    }
    for _ in range(given.rounds):
        for name, engine in engines.items():
            seconds, peak = engine(folder, given.side, precision, name)
            runs[name]["seconds"].append(seconds)
            runs[name]["peaks"].append(peak / 10**6)
    for name, run in runs.items():
        run |= errors(folder / f"{name}.tif", folder / f"{name}_whole.tif")
        if name != "ours":
            small = engines[name](folder, given.small_side, precision, "small")[1]
            run["largest_side"] = largest_side(
                {given.small_side: small, given.side: 10**6 * max(run["peaks"])}
            )
        print(run, flush=True)
    return list(runs.values())


def ours(
    folder: pathlib.Path, side: int, precision: str, out: str, **more: str
) -> tuple[float, int]:
    """Returns seconds and peak of a `predict`."""
    start = time.monotonic()
    peak = command(
        "predict",
        model=folder / "run",
        images=folder / f"{side}.tif",
        out=folder / f"{out}.tif",
        output="probability",
        probability_dtype="float32",
        precision=precision,
        **more,
    )
    return time.monotonic() - start, peak


def peer(
    folder: pathlib.Path, side: int, precision: str, out: str, *more: str
) -> tuple[float, int]:
    """Returns seconds and peak of the sliding windows."""
    files = [f"{side}.tif", "weights.npz", f"{out}.tif"]
    words = [str(folder / file) for file in files]
    start = time.monotonic()
    peak = peak_of(
        [peer_process.PEERS, str(PEER), *words, "--precision", precision, *more]
    )
    return time.monotonic() - start, peak


def errors(found: pathlib.Path, whole: pathlib.Path) -> dict[str, float]:
    """Returns how far probabilities and masks are from those of the whole image."""
    probability, expected = tifffile.imread(found), tifffile.imread(whole)
    difference = np.abs(probability - expected)
    return {
        "largest_difference": float(difference.max()),
        "share_beyond_hundredth": float(np.mean(difference > 0.01)),
        "share_of_mask": float(np.mean((probability > 0.5) != (expected > 0.5))),
    }


def largest_side(peaks: dict[int, float]) -> float:
    """Returns the side of the largest image within the limit."""
    (small, low), (large, high) = sorted(peaks.items())
    by_pixel = (high - low) / (large**2 - small**2)
    return float((small**2 + (LIMIT - low) / by_pixel) ** 0.5)


if __name__ == "__main__":
    main()
