"""export: from a run to saved_models/NAME/VERSION, which TensorFlow Serving loads."""

import contextlib
import dataclasses
import functools
import hashlib
import io
import logging
import pathlib
import time
from typing import Any

import keras
import numpy as np

import keras_unet
from pipelines import decision, run_folder
from pipelines.config import ExportConfig
from pipelines.exporting import about, publishing
from pipelines.exporting.example_requests import (
    ExampleRequest,
    example_image,
    example_requests,
    full_tile_side,
    least_pixel_limit,
)
from pipelines.exporting.golden import write_golden
from pipelines.exporting.saved_version import SavedVersion
from pipelines.exporting.serving_signatures import Signature, make_signatures
from pipelines.exporting.warm_up import write_warm_up
from pipelines.inference import fold_batch_norm
from pipelines.serving_graph import ServingGraph
from pipelines.serving_graph.served_net import ServedNet

logger = logging.getLogger(__name__)

# Noise of which the surest is asked for, so that no rounding turns a golden mask.
NUM_SEEDS = 4


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """A published version.

    Attributes:
        path: saved_models/NAME/VERSION.
        version: its number.
        signatures: names of its signatures.
        size: bytes on disk.
        load_seconds: to load it, measured in this process.
        first_seconds: from then on to the first answer.
        tile_seconds: of an image of one full tile, after the first one.
        tile_side: pixels of that image's sides.
    """

    path: pathlib.Path
    version: int
    signatures: tuple[str, ...]
    size: int
    load_seconds: float
    first_seconds: float
    tile_seconds: float
    tile_side: int

    def __str__(self) -> str:
        """Returns the result in words."""
        names = ", ".join(self.signatures)
        side = self.tile_side
        return (
            f"Exported version {self.version} with the signatures {names} to "
            f"{self.path}\n"
            f"On disk {self.size / 1e6:.1f} MB. Measured here: loaded in "
            f"{self.load_seconds:.1f} s, the first answer after another "
            f"{self.first_seconds:.1f} s, then {side} x {side} pixels in "
            f"{self.tile_seconds:.2f} s. A server takes the slow first requests from "
            "the warm-up file before it offers the version.\n"
            f"Serve it: keras-unet serve {self.path.parent}"
        )


def export(config: ExportConfig) -> ExportResult:
    """Writes a run's model as the next version of a served model.

    Pixel scaling, tiling, mirroring and threshold are inside the graph, and batch
    normalisation is folded into the convolutions. `pipelines.serving_graph` has the
    signatures. The version is loaded and asked before it is published.

    Raises:
        ValueError: `model` is no run folder, `to` is a file, or `pixel_limit` is too
            small for the net.
    """
    target = pathlib.Path(config.to)
    if target.exists() and not target.is_dir():
        raise ValueError(f"{config.to} is a file; name a folder saved_models/NAME.")
    run = run_folder.load(config.model)
    facts: dict[str, Any] = {}

    def write(path: pathlib.Path) -> None:
        facts.update(_write(run, config, path))

    version = publishing.publish(target, write, config.keep)
    if "image_bytes" not in facts["signatures"]:
        logger.warning(
            "The model takes %d channels, which no PNG or JPEG has: there is no "
            "signature image_bytes. Send arrays to pixels or serving_default.",
            run.model.input_shape[-1],
        )
    return ExportResult(path=target / str(version), version=version, **facts)


def _write(
    run: run_folder.Run, config: ExportConfig, path: pathlib.Path
) -> dict[str, Any]:
    """Writes a whole version and returns what `ExportResult` says of it."""
    model, folded = fold_batch_norm(run.model)
    net = _served_net(run, model, config)
    names = make_signatures(ServingGraph(net), net)
    golden = [
        request.name for request in example_requests(net, names) if request.is_golden
    ]
    text = about.about(
        run.record, net, folded=folded, golden=golden, weights=_checksum(model)
    )
    signatures = make_signatures(ServingGraph(net, text), net)
    _write_saved_model(model, signatures, path)
    return {"signatures": tuple(names), **_ask(net, list(names), path)}


def _checksum(model: keras.Model) -> str:
    """Returns what tells these weights from others."""
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(weights.tobytes())
    return digest.hexdigest()


def _served_net(
    run: run_folder.Run, model: keras.Model, config: ExportConfig
) -> ServedNet:
    made = keras_unet.arguments_of(model)
    net = ServedNet(
        tile_logits=functools.partial(model, training=False),
        depth=made["depth"],
        variant=made["variant"],
        channels=made["input_shape"][-1],
        output_channels=made["num_classes"],
        threshold=run.record.threshold,
        pixel_limit=round(config.pixel_limit * 1e6),
        pixel_type=_pixel_type(run.record),
    )
    least = least_pixel_limit(net)
    if net.pixel_limit < least:
        raise ValueError(
            f"pixel_limit is {config.pixel_limit} megapixels, but the least region "
            f"that this net takes has {least / 1e6}. Give it that or more."
        )
    return net


def _pixel_type(record: run_folder.RunRecord) -> str | None:
    """Returns the type whose largest value scales pixels; None if none does."""
    if record.scaling != "dtype":
        return None
    return next(iter(record.data["training"]["pixel_types"]))


def _write_saved_model(
    model: keras.Model, signatures: dict[str, Signature], path: pathlib.Path
) -> None:
    # Not tf.saved_model.save: of a Keras 3 model it loses variables without a word.
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, signature in signatures.items():
        archive.add_endpoint(name, signature.function, list(signature.inputs))
    # It prints its endpoints, which `ExportResult` says too.
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path))


def _ask(net: ServedNet, names: list[str], path: pathlib.Path) -> dict[str, Any]:
    """Loads a version, asks it everything, and writes warm-up and golden requests."""
    saved = SavedVersion(path)
    requests = example_requests(net, names)
    first_seconds = _seconds(saved, requests[0])
    requests = example_requests(net, names, _surest_seed(net, saved))
    write_golden(path, requests, saved.run)
    write_warm_up(path, requests)
    full_tile = next(
        request for request in requests if request.name == "pixels/full_tile"
    )
    for request in requests:
        if not request.is_golden:
            saved.run(request.signature, request.inputs)
    files = [file for file in path.rglob("*") if file.is_file()]
    return {
        "size": sum(file.stat().st_size for file in files),
        "load_seconds": saved.load_seconds,
        "first_seconds": first_seconds,
        "tile_seconds": _seconds(saved, full_tile),
        "tile_side": full_tile_side(net),
    }


def _seconds(saved: SavedVersion, request: ExampleRequest) -> float:
    start = time.perf_counter()
    saved.run(request.signature, request.inputs)
    return time.perf_counter() - start


def _surest_seed(net: ServedNet, saved: SavedVersion) -> int:
    """Returns the seed of the image whose pixels are the farthest from undecided."""

    def sureness(seed: int) -> float:
        image = example_image(net, seed).astype(np.float32)[np.newaxis]
        outputs = saved.run("serving_default", {"image": image})
        return decision.sureness(outputs["probability"], net.threshold)

    return max(range(NUM_SEEDS), key=sureness)
