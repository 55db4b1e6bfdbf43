"""A run folder around a net with random weights, as `fit` would leave it."""

import dataclasses
import pathlib

import keras

import keras_unet
from pipelines import run_folder
from pipelines.dataset.mask_values import MaskCoding
from pipelines.run_folder import RunRecord


def write_run(
    run: str | pathlib.Path,
    variant: str = "padded",
    *,
    base_filters: int,
    depth: int = 4,
    threshold: float = 0.5,
) -> None:
    """Writes the run of a binary model of grey images of any size."""
    keras.utils.set_random_seed(1)
    model = keras_unet.build_unet(
        variant,
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
    run = pathlib.Path(run)
    run.mkdir(parents=True)
    run_folder.save_model(run / run_folder.MODEL, model)
    run_folder.publish(run, run / run_folder.MODEL, record)
