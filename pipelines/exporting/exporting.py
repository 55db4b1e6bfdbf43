"""export: from a run to saved_models/NAME/VERSION, which TensorFlow Serving loads."""

import dataclasses
import functools
import hashlib
import logging
import pathlib
import shlex
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_unet
from pipelines import run_folder
from pipelines.config import ExportConfig
from pipelines.exporting import about, publishing
from pipelines.exporting.example_requests import example_requests, least_pixel_limit
from pipelines.exporting.self_test import self_test
from pipelines.exporting.serving_signatures import (
    Signature,
    make_signatures,
    signature_names,
)
from pipelines.exporting.write_failures import written_to
from pipelines.inference import fold_batch_norm
from pipelines.serving_graph import ServingGraph
from pipelines.serving_graph.served_net import ServedNet

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """A published version.

    Attributes:
        path: saved_models/NAME/VERSION.
        version: its number.
        signatures: names of its signatures.
        size: bytes on disk.
        load_seconds: to load it, measured in this process, on the processor.
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
            f"On disk {self.size / 1e6:.1f} MB. Measured on this processor: "
            f"loaded in {self.load_seconds:.1f} s, the first answer after another "
            f"{self.first_seconds:.1f} s, then {side} x {side} pixels in "
            f"{self.tile_seconds:.2f} s. A server takes the slow first requests from "
            "the warm-up file before it offers the version.\n"
            f"Serve it: keras-unet serve {shlex.quote(str(self.path.parent))}"
        )


def export(config: ExportConfig) -> ExportResult:
    """Writes a run's model as the next version of a served model.

    Pixel scaling, tiling, mirroring and threshold are inside the graph, and batch
    normalisation is folded into the convolutions. `pipelines.serving_graph` has the
    signatures. The version is loaded, asked and compared with the run's model before
    it is published.

    Returns:
        Path and number of the version, its signatures, size and times.

    Raises:
        ValueError: `to` is no folder for versions or cannot be written to (checked
            before the model is loaded), `model` is no run folder or computes NaN, or
            `pixel_limit` is too small for the net; nothing is published.
    """
    target = publishing.check_target(config.to)
    version, facts = publishing.publish(
        target, functools.partial(_write, config), config.keep
    )
    return ExportResult(path=target / str(version), version=version, **facts)


def _write(config: ExportConfig, path: pathlib.Path) -> dict[str, Any]:
    """Writes a whole version and returns what `ExportResult` says of it."""
    run = run_folder.load(config.model)
    _check_weights(run)
    model, folded = fold_batch_norm(run.model)
    net = _served_net(run, model, config)
    names = signature_names(net)
    if "image_bytes" not in names:
        logger.warning(
            "The model takes %d channels, which no PNG or JPEG has: there is no "
            "signature image_bytes. Send arrays to pixels or serving_default.",
            net.channels,
        )
    golden = [one.name for one in example_requests(net, names) if one.is_golden]
    text = about.about(
        run.record, net, folded=folded, golden=golden, weights=_checksum(model)
    )
    _write_saved_model(model, make_signatures(ServingGraph(net, text), net), path)
    return {"signatures": names, **self_test(path, net, names, run.model)}


def _check_weights(run: run_folder.Run) -> None:
    if not all(np.isfinite(weights).all() for weights in run.model.get_weights()):
        raise ValueError(
            f"{run.path}: the model has weights that are NaN or infinite, and computes "
            "nothing else. Fit again, with a lower learning rate."
        )


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
        pixel_type=_pixel_type(run),
    )
    least = least_pixel_limit(net)
    if net.pixel_limit < least:
        raise ValueError(
            f"pixel_limit is {config.pixel_limit} megapixels, but the requests that "
            f"an export of this net is tested with have up to {least / 1e6}. Give it "
            "that or more."
        )
    return net


def _pixel_type(run: run_folder.Run) -> str | None:
    """Returns the type whose largest value scales pixels; None if none does."""
    if run.record.scaling != "dtype":
        return None
    if not run.record.pixel_types:
        raise ValueError(
            f"{run.path / run_folder.RECORD} does not tell the type of the training "
            "images (data, training, pixel_types), by whose largest value the export "
            'has to divide. Add it, such as {"uint8": 1}, or fit again.'
        )
    return run.record.pixel_types[0]


def _write_saved_model(
    model: keras.Model, signatures: dict[str, Signature], path: pathlib.Path
) -> None:
    module = tf.Module()
    # One by one: of a Keras 3 model TensorFlow loses variables without a word. One
    # that is missing in a list is an error; keras.export traces each function twice.
    module.model_variables = [
        one if isinstance(one, tf.Variable) else one.value for one in model.variables
    ]
    functions = {
        name: tf.function(one.function, input_signature=one.inputs, autograph=False)
        for name, one in signatures.items()
    }
    with written_to(path.parent):
        tf.saved_model.save(module, str(path), signatures=functions)
