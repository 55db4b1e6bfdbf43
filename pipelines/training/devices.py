"""The devices that a training shares its batches between."""

import functools

import tensorflow as tf

from pipelines.config import FitConfig


def check_devices(count: int, batch_size: int | None = None) -> list[str]:
    """Returns the names of the devices that a training is shared between.

    Args:
        count: how many.
        batch_size: tiles of a step; None if it is not yet known.

    Raises:
        ValueError: there are not so many devices, or they cannot share a batch evenly.
    """
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    found = [device.name for device in tf.config.list_logical_devices(kind)]
    if count > len(found):
        raise ValueError(
            f"devices is {count}, but TensorFlow sees {len(found)} {kind}"
            f"{'s' if len(found) > 1 else ''}. Lower it, or make more of them visible "
            "(CUDA_VISIBLE_DEVICES)."
        )
    if batch_size is not None and batch_size % count:
        raise ValueError(
            f"A batch of {batch_size} tiles cannot be shared evenly by {count} devices."
            f" Set batch_size to a multiple of {count}."
        )
    return found[:count]


def strategy(config: FitConfig, batch_size: int) -> tf.distribute.Strategy:
    """Returns how a model is to be trained: on one device, or a copy on each of some.

    Several devices are the first GPUs; without GPUs the logical processors that
    TensorFlow was told to make (`tf.config.set_logical_device_configuration`). Each
    step shares out the tiles of a batch and adds up the gradients
    (`tf.distribute.MirroredStrategy`).

    Args:
        config: says how many.
        batch_size: tiles of a step.

    Raises:
        ValueError: there are not so many devices, or a batch cannot be shared evenly.
    """
    count = config.devices
    if count == 1:
        return tf.distribute.get_strategy()
    return _mirrored(tuple(check_devices(count, batch_size)))


@functools.cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    """Returns the one strategy of some devices for all trainings of the process.

    Each numbers its exchanges from the same number on: those of a second training would
    be taken for those of the first, and refused where the nets differ.
    """
    return tf.distribute.MirroredStrategy(list(names))
