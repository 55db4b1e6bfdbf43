"""Starting weights from another run, for `fit --init-from`."""

import dataclasses
import logging
from typing import Any

import keras

import keras_unet
from pipelines import run_folder
from pipelines.config import FitConfig

logger = logging.getLogger(__name__)

# Depends on the classes, which another run may have had others of.
FREE_LAYER = "logits"
_SHAPE = ("depth", "base_filters", "batch_norm")
_SETTINGS = ("variant", *_SHAPE)


def shape_of_other(config: FitConfig, other: dict[str, Any]) -> FitConfig:
    """Returns the settings with a net that a run has weights for.

    Of another variant there is none: then nothing is taken, and
    `check_starting_weights` refuses the run.

    Args:
        config: as given; settings that have a value keep it.
        other: the arguments of `keras_unet.build_unet` of the other run.
    """
    if other["variant"] != config.variant:
        return config
    taken = {name: other[name] for name in _SHAPE if name in config.left_open()}
    if taken:
        said = ", ".join(f"{name} {value}" for name, value in taken.items())
        logger.info("As in %s: %s.", config.init_from, said)
    return dataclasses.replace(config, **taken)


def check_starting_weights(
    network: dict[str, Any], other: dict[str, Any], run_dir: str
) -> None:
    """Checks that a run has weights for a network, by what both were built with.

    Args:
        network: the arguments of `keras_unet.build_unet`.
        other: those of the other run.
        run_dir: its folder.

    Raises:
        ValueError: they differ in more than dropout and classes; the first setting
            that differs is named.
    """
    for name in _SETTINGS:
        if other[name] != network[name]:
            raise ValueError(
                f"init_from={run_dir}: that run has {name}={other[name]}, this one "
                f"{name}={network[name]}, so its weights do not fit. Set "
                f"{name}={other[name]}, or leave init_from out."
            )
    theirs, ours = (int(record["input_shape"][-1]) for record in (other, network))
    if theirs != ours:
        raise ValueError(
            f"init_from={run_dir}: that run has images of {theirs} channels, this one "
            f"of {ours}, so its weights do not fit. Use images of {theirs} channels, "
            "or leave init_from out."
        )


def warn_of_scaling(scaling: str, other: str, run_dir: str) -> None:
    """Warns where a run's weights have learned from pixels of another scaling."""
    if other != scaling:
        logger.warning(
            "init_from=%s: that run has scaling=%s, this one scaling=%s, so its "
            "weights have learned from other values. Set scaling=%s.",
            run_dir,
            other,
            scaling,
            other,
        )


def load_starting_weights(model: keras.Model, run_dir: str) -> None:
    """Copies the weights of a run's best model, layer by layer by name.

    The layer `logits` keeps its fresh weights if it has another number of channels.

    Args:
        model: from `keras_unet.build_unet`.
        run_dir: folder of a finished run.

    Raises:
        ValueError: the run cannot be loaded, or its model does not fit, whatever its
            record says; nothing is copied then.
    """
    source = run_folder.load(run_dir).model
    ours, theirs = map(keras_unet.arguments_of, (model, source))
    check_starting_weights(ours, theirs, run_dir)
    is_free = ours["num_classes"] != theirs["num_classes"]
    for layer in model.layers:
        if layer.weights and not (is_free and layer.name == FREE_LAYER):
            layer.set_weights(source.get_layer(layer.name).get_weights())
    if is_free:
        logger.info(
            "Layer %s has another number of channels in %s and keeps fresh weights.",
            FREE_LAYER,
            run_dir,
        )
