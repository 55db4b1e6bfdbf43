"""An export of a net with random weights, for the benchmarks of serving."""

import dataclasses
import pathlib

import keras

import keras_unet
from pipelines import export, run_folder
from pipelines.config import ExportConfig
from pipelines.dataset.mask_values import MaskCoding
from pipelines.run_folder import RunRecord


def exported(
    folder: pathlib.Path,
    name: str,
    *,
    depth: int,
    base_filters: int,
    threshold: float = 0.5,
) -> pathlib.Path:
    """Writes version 1 of a binary model of grey images; returns saved_models/NAME."""
    keras.utils.set_random_seed(1)
    model = keras_unet.build_unet(
        "padded",
        (None, None, 1),
        1,
        base_filters=base_filters,
        depth=depth,
        activation=None,
    )
    record = RunRecord(
        settings={},
        network={},
        classes=["background", "foreground"],
        mask_coding=dataclasses.asdict(MaskCoding("binary", 255, 2)),
        scaling="per_image",
        threshold=threshold,
        precision={"training": "float32", "model": "float32"},
        data={},
        best={},
        versions=run_folder.versions(),
    )
    run = folder / f"run_{name}"
    run.mkdir(parents=True)
    run_folder.save_model(run / run_folder.MODEL, model)
    run_folder.publish(run, run / run_folder.MODEL, record)
    target = folder / name
    export(ExportConfig(model=str(run), to=str(target)))
    return target
