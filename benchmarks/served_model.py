"""An export of a net with random weights, for the benchmarks of serving."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

import random_run

from pipelines import export
from pipelines.config import Engine, ExportConfig, ServeConfig
from pipelines.serving.serving import running_launch
from pipelines.serving.serving_engines import Launch

# A busy machine takes long to load a server.
START_SECONDS = 300


@contextlib.contextmanager
def served(base_filters: int, engine: Engine) -> Iterator[tuple[pathlib.Path, Launch]]:
    """Exports a net of depth 4 and serves it; yields saved_models/NAME and the server.

    Args:
        base_filters: of the net.
        engine: of `keras-unet serve`.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = exported(
            pathlib.Path(folder), "cells", depth=4, base_filters=base_filters
        )
        config = ServeConfig(
            saved_model=str(model), engine=engine, rest_port=0, grpc_port=0
        )
        with running_launch(config, timeout=START_SECONDS) as launch:
            yield model, launch


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
