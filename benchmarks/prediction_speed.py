"""How much of the bare forward pass is left from file to file.

Predicts a tiled TIFF to a TIFF mask, in turn with the bare net on as many tiles of the
same size that lie in memory: the ratio says how long the net waits for reading,
scaling, deciding and writing. 1 is never.

    python benchmarks/prediction_speed.py [--base-filters 16,64] [--rounds 3]
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np
import records
from prediction_memory import write_image

import keras_unet
from pipelines.images import ImageEntry, open_image
from pipelines.inference import inference_net
from pipelines.overlap_tile import Net
from pipelines.prediction.image_prediction import ImagePredictor
from pipelines.prediction.memory_plan import Demand, MemoryModel, largest_plan
from pipelines.prediction.output_values import OutputValues
from pipelines.results.windowed_writing import write_windowed

# Of images that make the net compute for some seconds a round.
SIDES = {16: 2400, 32: 1600, 64: 1100}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-filters", default="16,64")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows = []
    for base_filters in map(int, given.base_filters.split(",")):
        rows.append(measure(base_filters, given.rounds))
        ratios = records.spread(rows[-1]["ratios"])
        print(f"base {base_filters}: share of the bare pass {ratios}", flush=True)
    records.append("prediction_speed", vars(given), runs=rows)


def measure(base_filters: int, rounds: int) -> dict:
    model = keras_unet.build_unet(base_filters=base_filters, activation=None)
    net = Net(inference_net(model))
    side = SIDES[base_filters]
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_image(folder / "image.tif", side)
        predictor = predictor_of(net)
        shape, tiles = tile_shape(predictor, folder / "image.tif")
        bare(net, shape, 1)
        for _ in range(rounds):
            # In turn, so that a slow moment of the machine meets both.
            seconds.append([bare(net, shape, tiles), file_to_file(predictor, folder)])
    return {
        "base_filters": base_filters,
        "side": side,
        "tile": shape,
        "tiles": tiles,
        "seconds": seconds,
        "ratios": [bare_seconds / whole for bare_seconds, whole in seconds],
        "megapixels_per_second": [side**2 / whole / 10**6 for _, whole in seconds],
    }


def predictor_of(net: Net) -> ImagePredictor:
    return ImagePredictor(
        net=net,
        values=OutputValues("mask", "uint16", 1, 0.5),
        scaling="per_image",
        memory=MemoryModel.of_warm(net),
        budget=1500 * 10**6,
        flips=False,
    )


def tile_shape(predictor: ImagePredictor, path: pathlib.Path) -> tuple[list[int], int]:
    with open_image(ImageEntry(path)) as image:
        layout = predictor.layout(image)
        demand = Demand(layout, held=image.height * image.width)
    plan = largest_plan(predictor.net, predictor.memory, demand, predictor.budget).plan
    return [int(plan.rows.input_size), int(plan.columns.input_size)], plan.num_tiles


def bare(net: Net, shape: list[int], tiles: int) -> float:
    pixels = np.random.default_rng(0).random((*shape, 1), dtype=np.float32)
    nothing = np.zeros(1, np.float32)
    start = time.perf_counter()
    for _ in range(tiles):
        net.tile_probability(pixels, nothing, nothing + 1)
    return time.perf_counter() - start


def file_to_file(predictor: ImagePredictor, folder: pathlib.Path) -> float:
    start = time.perf_counter()
    images = predictor.images([ImageEntry(folder / "image.tif")], lambda pixels: None)
    write_windowed(folder / "mask.tif", ".tif", images)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
