"""How much of the bare forward pass is left over a folder of small images.

Predicts a folder of PNGs of 256x256 to PNG masks, in turn with the bare net on as many
tiles of the same size that lie in memory: two files at once, as `predict` does, and one
after the other. The ratios say how long the net waits for files that are opened,
compressed and flushed to the disk.

    python benchmarks/prediction_folder.py [--base-filters 16] [--files 200]
        [--rounds 3]
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np
import PIL.Image
import random_run
import records
from prediction_speed import bare, predictor_of, tile_shape

from pipelines import run_folder
from pipelines.images import find_images
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net
from pipelines.prediction import folder_prediction
from pipelines.prediction.file_prediction import FilePredictor
from pipelines.prediction.folder_prediction import FolderPrediction
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.prediction_files import plan_files
from pipelines.prediction.replacing import ReplacementCheck
from pipelines.results.done_files import DoneFiles

SIDE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", type=int, default=16)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        random_run.write_run(folder / "run", base_filters=given.base_filters)
        write_images(folder / "images", given.files)
        seconds = measure(folder, given.files, given.rounds)
    for way in ("two_at_once", "one_at_once"):
        ratios = [one["bare"] / one[way] for one in seconds]
        print(f"{way}: share of the bare pass {records.spread(ratios)}", flush=True)
    records.append("prediction_folder", vars(given) | {"side": SIDE}, seconds=seconds)


def write_images(folder: pathlib.Path, files: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(files):
        pixels = random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number:04}.png")


def measure(folder: pathlib.Path, files: int, rounds: int) -> list[dict[str, float]]:
    run = run_folder.load(str(folder / "run"))
    net = Net(inference_net(run.model))
    predictor = predictor_of(net)
    shape, tiles = tile_shape(predictor, folder / "images" / "0000.png")
    bare(net, shape, 1)
    seconds = []
    for number in range(rounds):
        # In turn, so that a slow moment of the machine meets all.
        seconds.append(
            {
                "bare": bare(net, shape, tiles * files),
                "two_at_once": predicted(predictor, run, folder, f"two_{number}"),
                "one_at_once": predicted(predictor, run, folder, f"one_{number}", 0),
            }
        )
    return seconds


def predicted(
    predictor: ImagePredictor,
    run: run_folder.Run,
    folder: pathlib.Path,
    out: str,
    small_pixels: int = folder_prediction.SMALL_PIXELS,
) -> float:
    """Returns the seconds from files to files.

    Args:
        predictor: the net.
        run: that it is of.
        folder: of images/ and of the results.
        out: name of a new folder in it.
        small_pixels: of files that two at once are worked on.
    """
    folder_prediction.SMALL_PIXELS = small_pixels
    start = time.perf_counter()
    entries = find_images(str(folder / "images"))
    files = plan_files(entries, str(folder / out), "auto", png_fits=True)
    prediction = FolderPrediction(
        files=FilePredictor(predictor, DoneFiles([]), resume=False, pyramid=False),
        record=run.record,
        replacement=ReplacementCheck(run.path, run.record),
        taken={file.path for file in files},
        results={},
    )
    failures = prediction.write(files)
    if failures:
        raise SystemExit("\n".join(failures))
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
