"""A net trained without `fit`, made a run, for `evaluate`, `predict` and `export`."""

import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any, SupportsFloat, get_args

import keras
import numpy as np

import keras_unet
from keras_unet.layers import SeededDropout
from pipelines import run_folder
from pipelines.config.class_names import check_names
from pipelines.config.network import MAX_CLASSES
from pipelines.config.stream import Scaling
from pipelines.dataset.mask_values import MaskCoding, class_names
from pipelines.inference import policy
from pipelines.run_folder import RunRecord

# Last words of the settings of a layer that a trained one does not need.
_OF_TRAINING = (
    *("name", "dtype", "trainable", "initializer", "regularizer", "constraint"),
    *("momentum", "synchronized", "renorm", "clipping"),
)


def save_run(
    model: keras.Model,
    run_dir: str | os.PathLike[str],
    *,
    scaling: Scaling = "per_image",
    pixel_type: str | None = None,
    threshold: float = 0.5,
    classes: Sequence[str] | None = None,
    smallest_object: int = 1,
) -> pathlib.Path:
    """Writes a run folder around a net from a training loop of one's own.

    `predict`, `evaluate`, `export` and `fit --init-from` then take it like a run of
    `fit`. The net is saved with an open input size, ending in logits, in float32.

    Args:
        model: from `keras_unet.build_unet`, trained on images (batch, height, width,
            channels) that were scaled as `scaling` says; with or without its layer
            `probability`, and in any precision.
        run_dir: that does not exist yet.
        scaling: "per_image" if each channel of an image was brought to mean 0 and
            standard deviation 1 by itself; "dtype" if pixels were divided by the
            largest value of their type. Others are not known to the verbs.
        pixel_type: of the images, as "uint8": what `export` divides by. Needed for
            "dtype", and only there.
        threshold: on P(foreground), 0 to 1, of nets of one or two classes.
        classes: names in the order of their ids, the background first.
        smallest_object: pixels; smaller ones are left out of numbered objects.

    Returns:
        The folder.

    Raises:
        ValueError: the model is not from `build_unet`, was changed since or ends in an
            activation of its own, an argument is out of its range, it has more than
            255 classes, or the folder exists; nothing is written.
    """
    network = keras_unet.arguments_of(model)
    _check_end(network["activation"], network["num_classes"], model)
    path = pathlib.Path(run_dir)
    network["activation"] = None
    network["input_shape"] = (None, None, network["input_shape"][-1])
    num_classes = max(2, network["num_classes"])
    if num_classes > MAX_CLASSES:
        raise ValueError(
            f"The model {model.name} has {num_classes} classes, expected at most "
            f"{MAX_CLASSES}: masks are uint8. Join some, or train several nets."
        )
    names = _class_names(classes, num_classes)
    _check_numbers(threshold, smallest_object)
    data = _data_of(scaling, pixel_type)
    if path.exists() or path.is_symlink():
        raise ValueError(
            f"{path} exists already. Name another run_dir, or remove it if you no "
            "longer need it."
        )
    record = RunRecord(
        settings={"smallest_object": int(smallest_object)},
        network=network,
        classes=names,
        mask_coding=_coding(num_classes),
        scaling=scaling,
        threshold=float(threshold) if num_classes == 2 else None,
        precision={"training": model.compute_dtype, "model": "float32"},
        data=data,
        best={},
        versions=run_folder.versions(),
    )
    _write(path, _with_logits(model, network), record)
    return path


def _with_logits(model: keras.Model, network: dict[str, Any]) -> keras.Model:
    """Returns the net in float32, without its last activation."""
    with policy("float32"):
        plain = keras_unet.build_unet(**network)
    ours = {layer.name for layer in plain.layers}
    theirs = {layer.name for layer in model.layers} - {"probability"}
    if ours != theirs:
        raise ValueError(
            f"The model {model.name} is not as keras_unet.build_unet made it: layers "
            f"{sorted(theirs - ours)} are added, {sorted(ours - theirs)} are missing. "
            "If the net is a part of it, give that part: model.get_layer(NAME)."
        )
    for layer in plain.layers:
        same_place = model.get_layer(layer.name)
        _check_computes_alike(layer, same_place, model)
        layer.set_weights(same_place.get_weights())
    return plain


def _check_end(activation: Any, num_classes: int, model: keras.Model) -> None:
    """Refuses a net whose outputs the verbs would take for something else."""
    usual = "sigmoid" if num_classes == 1 else "softmax"
    if activation not in (None, "linear", usual):
        raise ValueError(
            f"The model {model.name} ends in the activation {activation!r}, but the "
            f"verbs take {usual} of the logits of a net of {num_classes} channels. "
            f"Train one that ends in {usual} (activation='auto') or in logits (None)."
        )


def _check_computes_alike(ours: Any, theirs: Any, model: keras.Model) -> None:
    """Refuses a layer that computes something else under the same name."""
    # Neither does anything in a trained net.
    if isinstance(ours, SeededDropout | keras.layers.InputLayer):
        return
    # Keras's own batch normalisation is as good as ours.
    normalises = isinstance(ours, keras.layers.BatchNormalization)
    kind = keras.layers.BatchNormalization if normalises else type(ours)
    if not isinstance(theirs, kind):
        found = f"a {type(theirs).__name__} in the place of a {type(ours).__name__}"
    else:
        usual = _settings_of(ours)
        changed = {
            name: value
            for name, value in _settings_of(theirs).items()
            if value != usual.get(name)
        }
        if not changed:
            return
        found = f"one of {changed}"
    raise ValueError(
        f"The model {model.name} is not as keras_unet.build_unet made it: its layer "
        f"{ours.name} is {found}. The verbs know the nets of build_unet only."
    )


def _settings_of(layer: Any) -> dict[str, Any]:
    """Returns the settings of a layer that count when it is trained."""
    return {
        name: value
        for name, value in layer.get_config().items()
        if name.split("_")[-1] not in _OF_TRAINING
    }


def _coding(num_classes: int) -> MaskCoding:
    if num_classes == 2:
        return MaskCoding("binary", 255, 2)
    return MaskCoding("classes", None, num_classes)


def _class_names(classes: Sequence[str] | None, num_classes: int) -> list[str]:
    if classes is None:
        return class_names(num_classes)
    if isinstance(classes, str) or len(classes) != num_classes:
        raise ValueError(
            f"classes must be the {num_classes} names of the net's classes, the "
            f"background first, got {classes!r}."
        )
    names = list(classes)
    check_names("classes", names)
    return names


def _data_of(scaling: str, pixel_type: str | None) -> dict[str, Any]:
    """Returns what the record tells of the images."""
    if scaling not in get_args(Scaling):
        raise ValueError(
            f"scaling must be one of {', '.join(get_args(Scaling))}, got {scaling!r}."
        )
    if scaling == "per_image":
        if pixel_type is not None:
            raise ValueError(
                f"pixel_type={pixel_type!r} is for scaling='dtype' only: per_image "
                "brings all types to one range. Leave it out."
            )
        return {}
    try:
        known = pixel_type is not None and np.dtype(pixel_type).kind in "uif"
    except TypeError:
        known = False
    if not known:
        raise ValueError(
            "scaling='dtype' needs the type of the images' pixels, as "
            f"pixel_type='uint8' or 'uint16', got {pixel_type!r}."
        )
    return {"training": {"pixel_types": {str(np.dtype(pixel_type)): 1}}}


def _check_numbers(threshold: float, smallest_object: int) -> None:
    if not isinstance(threshold, SupportsFloat) or not 0 <= float(threshold) <= 1:
        raise ValueError(f"threshold must be 0 to 1, got {threshold!r}.")
    if smallest_object != int(smallest_object) or smallest_object < 1:
        raise ValueError(
            "smallest_object must be a whole number of pixels, at least 1, got "
            f"{smallest_object!r}."
        )


def _write(path: pathlib.Path, model: keras.Model, record: RunRecord) -> None:
    """Writes the folder; one that cannot be written whole is removed."""
    path.mkdir(parents=True)
    try:
        run_folder.save_model(path / run_folder.MODEL, model)
        run_folder.publish(path, path / run_folder.MODEL, record)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
