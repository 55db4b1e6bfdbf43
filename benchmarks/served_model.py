"""An export of a net with random weights, for the benchmarks of serving."""

import pathlib

import random_run

from pipelines import export
from pipelines.config import ExportConfig


def exported(
    folder: pathlib.Path,
    name: str,
    *,
    depth: int,
    base_filters: int,
    threshold: float = 0.5,
) -> pathlib.Path:
    """Writes version 1 of a binary model of grey images; returns saved_models/NAME."""
    run, target = folder / f"run_{name}", folder / name
    random_run.write_run(
        run, depth=depth, base_filters=base_filters, threshold=threshold
    )
    export(ExportConfig(model=str(run), to=str(target)))
    return target
