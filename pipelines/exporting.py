"""export: from a run to saved_models/NAME/VERSION, which TensorFlow Serving loads."""

import contextlib
import dataclasses
import io
import logging
import os
import pathlib
import shutil
import uuid

import keras
import numpy as np
import tensorflow as tf

from pipelines import run_folder
from pipelines.config import ExportConfig
from pipelines.overlap_tile import net_geometry
from pipelines.serving_graph import ServingGraph

logger = logging.getLogger(__name__)

# What PNG and JPEG files can bring.
CHANNELS_OF_FILES = (1, 3, 4)


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """A published version.

    Attributes:
        path: saved_models/NAME/VERSION.
        version: its number.
        signatures: names of its signatures.
    """

    path: pathlib.Path
    version: int
    signatures: tuple[str, ...]

    def __str__(self) -> str:
        """Returns the result in words."""
        names = ", ".join(self.signatures)
        return (
            f"Exported version {self.version} with the signatures {names} to "
            f"{self.path}\nServe it: keras-unet serve {self.path.parent}"
        )


def export(config: ExportConfig) -> ExportResult:
    """Writes a run's model as the next version of a served model.

    Pixel scaling, tiling, mirroring and threshold are inside the graph. The signature
    `serving_default` takes float32 images (batch, height, width, channels) with values
    as in the file and gives `probability`; `image_bytes` takes PNG or JPEG files and
    gives only `mask_bytes`, PNG masks as large as their images.

    Raises:
        ValueError: `model` is no run folder, or `to` is a file.
    """
    target = pathlib.Path(config.to)
    if target.exists() and not target.is_dir():
        raise ValueError(f"{config.to} is a file; name a folder saved_models/NAME.")
    run = run_folder.load(config.model)
    is_new = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    # Not a number: TensorFlow Serving must not see it before it is whole. Unique: in
    # containers process ids repeat, and a killed export leaves its folder behind.
    partial = target / f".part-{uuid.uuid4().hex}"
    try:
        signatures = _write(run, partial)
        version = _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if is_new and not any(target.iterdir()):
            target.rmdir()
    if "image_bytes" not in signatures:
        logger.warning(
            "The model takes %d channels, which no PNG or JPEG has: there is no "
            "signature image_bytes. Send arrays to serving_default.",
            run.model.input_shape[-1],
        )
    return ExportResult(target / str(version), version, signatures)


def _write(run: run_folder.Run, path: pathlib.Path) -> tuple[str, ...]:
    """Writes the SavedModel and returns the names of its signatures."""
    model = run.model
    depth, variant = net_geometry(model)
    channels = model.input_shape[-1]
    graph = ServingGraph(
        lambda tiles: model(tiles, training=False),
        depth=depth,
        variant=variant,
        channels=channels,
        num_channels=model.output_shape[-1],
        threshold=run.record.threshold,
        pixel_type=_pixel_type(run.record),
    )
    # Not tf.saved_model.save: of a Keras 3 model it loses variables without a word.
    archive = keras.export.ExportArchive()
    archive.track(model)
    shape = (None, None, None, channels)
    archive.add_endpoint(
        "serving_default",
        graph.probability,
        [tf.TensorSpec(shape, tf.float32, name="image")],
    )
    signatures = ["serving_default"]
    if channels in CHANNELS_OF_FILES:
        archive.add_endpoint(
            "image_bytes",
            graph.mask_bytes,
            [tf.TensorSpec((None,), tf.string, name="image_bytes")],
        )
        signatures.append("image_bytes")
    # It prints its endpoints, which `ExportResult` says too.
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path))
    return tuple(signatures)


def _pixel_type(record: run_folder.RunRecord) -> str | None:
    """Returns the type whose largest value scales pixels; None if none does."""
    if record.scaling != "dtype":
        return None
    return next(iter(record.data["training"]["pixel_types"]))


def _publish(partial: pathlib.Path, target: pathlib.Path) -> int:
    """Renames to the next free number and returns it."""
    while True:
        numbers = [int(child.name) for child in target.iterdir() if _is_version(child)]
        version = max(numbers, default=0) + 1
        try:
            os.rename(partial, target / str(version))
        except OSError:
            # Another export took the number; anything else is not ours to retry.
            if not (target / str(version)).exists():
                raise
            continue
        return version


def _is_version(path: pathlib.Path) -> bool:
    """Tells whether TensorFlow Serving would take the name for a version."""
    return path.name.isdecimal() and int(path.name) <= np.iinfo(np.int64).max
