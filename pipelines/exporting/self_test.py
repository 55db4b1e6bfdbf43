"""What an export is asked before it is published: loaded, compared, measured."""

import pathlib
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipelines import decision, scaling
from pipelines.exporting.example_requests import (
    ExampleRequest,
    example_image,
    example_requests,
    full_tile_side,
)
from pipelines.exporting.golden import write_golden
from pipelines.exporting.saved_version import SavedVersion
from pipelines.exporting.warm_up import write_warm_up
from pipelines.overlap_tile import Net
from pipelines.serving_graph.served_net import ServedNet

# Noise of which the surest is asked for, so that no rounding turns a golden mask.
NUM_SEEDS = 4
# Of a probability: folded or not, and tiled by other code, a net computes the same.
MOST_DIFFERENCE = 1e-4


def self_test(
    path: pathlib.Path, net: ServedNet, names: Sequence[str], model: keras.Model
) -> dict[str, Any]:
    """Loads a version, asks it everything, and writes warm-up and golden requests.

    All on the processor, wherever the export runs: a GPU may compute in fewer digits
    (TF32), and its answers would be no measure for other servers.

    Args:
        path: folder of the version.
        net: what is served.
        names: of the signatures.
        model: of the run, not folded.

    Returns:
        The size and the times of an `ExportResult`, by name.

    Raises:
        ValueError: the answers are not those of the model, or cannot be written.
    """
    with tf.device("/CPU:0"):
        saved = SavedVersion(path)
        examples = example_requests(net, names)
        first_seconds = _seconds(saved, examples[0])
        reference = Net(model)
        _check_probability(saved, net, reference)
        requests = example_requests(net, names, _surest_seed(net, reference))
        write_golden(path, requests, saved.run)
        write_warm_up(path, requests)
        for request in requests:
            if not request.is_golden:
                saved.run(request.signature, request.inputs)
        (full_tile,) = (one for one in requests if one.name == "pixels/full_tile")
        tile_seconds = _seconds(saved, full_tile)
    files = [file for file in path.rglob("*") if file.is_file()]
    return {
        "size": sum(file.stat().st_size for file in files),
        "load_seconds": saved.load_seconds,
        "first_seconds": first_seconds,
        "tile_seconds": tile_seconds,
        "tile_side": full_tile_side(net),
    }


def _seconds(saved: SavedVersion, request: ExampleRequest) -> float:
    start = time.perf_counter()
    saved.run(request.signature, request.inputs)
    return time.perf_counter() - start


def _check_probability(saved: SavedVersion, net: ServedNet, reference: Net) -> None:
    """Compares an image of several tiles with what `predict` makes of it."""
    image = example_image(net, 0).astype(net.pixel_type or np.float32)
    inputs = {"image": image.astype(np.float32)[np.newaxis]}
    found = saved.run("serving_default", inputs)["probability"][0]
    difference = np.abs(found - _probability(net, reference, image)).max()
    # Not the other way round: NaN is never below.
    if not difference <= MOST_DIFFERENCE:
        raise ValueError(
            "The exported graph does not compute what the run's model does: "
            f"probabilities differ by {difference:.2g}, expected at most "
            f"{MOST_DIFFERENCE:g}. Nothing was published. The weights may be too large "
            "to compute with; fit again with a lower learning rate."
        )


def _surest_seed(net: ServedNet, reference: Net) -> int:
    """Returns the seed of the images whose pixels are the farthest from undecided."""

    def sureness(seed: int) -> float:
        images = (
            example_image(net, seed),
            example_image(net, seed, np.uint16),
        )
        return min(
            decision.sureness(_probability(net, reference, image), net.threshold)
            for image in images
        )

    return max(range(NUM_SEEDS), key=sureness)


def _probability(net: ServedNet, reference: Net, image: np.ndarray) -> np.ndarray:
    """Returns the probabilities of an image by the code of `predict`."""
    scaled = scaling.scale_array(image, net.scaling)
    return reference.probability(scaled)
