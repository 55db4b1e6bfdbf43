"""A run folder around a net with random weights."""

import pathlib

import keras

import keras_unet
from pipelines import save_run


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
        variant, (None, None, 1), 1, base_filters=base_filters, depth=depth
    )
    save_run(model, run, threshold=threshold)
