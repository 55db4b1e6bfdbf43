"""The folder that `fit` leaves behind, and its reading.

runs/NAME/: model.keras (the best by validation loss, ends in logits, computes in
float32), config.json (a `RunRecord`), history.csv, report.html, logs/ (TensorBoard),
checkpoint/ (what `--resume` needs).
"""

import csv
import dataclasses
import json
import logging
import os
import pathlib
import platform
import shutil
import zipfile
from importlib import metadata
from typing import Any

import keras

import keras_unet
from pipelines.config.choice import Choice
from pipelines.dataset.mask_values import MaskCoding
from pipelines.files.appearing import appearing, flush_to_disk

MODEL = "model.keras"
RECORD = "config.json"
HISTORY = "history.csv"
REPORT = "report.html"
LOGS = "logs"
CHECKPOINT = "checkpoint"
# In the checkpoint folder: settings, data, and whether the run has come to its end.
STATE = "run.json"

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What is known of a run.

    Attributes:
        settings: every setting of the run, as in `FitConfig`.
        network: the arguments of `keras_unet.build_unet`.
        classes: names of the classes, in the order of their ids.
        mask_coding: what mask values meant.
        scaling: of the pixels, "per_image" or "dtype".
        threshold: on P(foreground), chosen on the validation images; None from three
            classes on.
        precision: that training computed in, and that of the saved model.
        data: of the training and the validation images: names, the fingerprint of all
            pixels and one of each image, types of the pixels.
        best: step, validation loss and scores of the saved model ("by validation
            loss").
        versions: of Python and packages.
        choices: the settings that `fit` decided.
        object_threshold: on P(foreground), of numbered objects, chosen on the
            validation images; None where it is that of masks.
    """

    settings: dict[str, Any]
    network: dict[str, Any]
    classes: list[str]
    mask_coding: MaskCoding
    scaling: str
    threshold: float | None
    precision: dict[str, str]
    data: dict[str, Any]
    best: dict[str, Any]
    versions: dict[str, str]
    choices: tuple[Choice, ...] = ()
    object_threshold: float | None = None

    @property
    def smallest_object(self) -> int:
        """Pixels of the smallest instance; 1 of runs that did not look for it."""
        return int(self.settings.get("smallest_object") or 1)

    @property
    def pixel_types(self) -> list[str]:
        """Of the training images, the most frequent first; empty if not recorded."""
        return list(self.data.get("training", {}).get("pixel_types", {}))

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> "RunRecord":
        """Returns a record as it was before it became JSON."""
        coding = MaskCoding(**known["mask_coding"])
        choices = tuple(map(Choice.from_json, known.get("choices", ())))
        return cls(**known | {"mask_coding": coding, "choices": choices})


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: its folder.
        model: the best model; ends in logits.
        record: what is known of it.
    """

    path: pathlib.Path
    model: keras.Model
    record: RunRecord


def versions() -> dict[str, str]:
    """Returns the versions that a run depends on."""
    packages = ("tensorflow", "keras", "numpy")
    return {
        "keras-unet-pipelines": keras_unet.__version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }


def parts_of(path: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files and folders that a run folder may have."""
    return [path / name for name in (MODEL, RECORD, HISTORY, REPORT, LOGS, CHECKPOINT)]


def save_model(path: pathlib.Path, model: keras.Model) -> None:
    """Writes a .keras file under another name first, so that it is always whole."""
    partial = path.with_name(f".{os.getpid()}.part.keras")
    try:
        model.save(partial)
        with partial.open("r+b") as file:
            flush_to_disk(file)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def publish(path: pathlib.Path, model: pathlib.Path, record: RunRecord) -> None:
    """Makes a .keras file the run's model.keras, with its config.json.

    Both are written before either appears, so that they are together but for a moment.
    """
    text = json.dumps(dataclasses.asdict(record), indent=2)
    with appearing(path / RECORD) as new_record, appearing(path / MODEL) as new_model:
        shutil.copyfile(model, new_model)
        with new_record.open("wb") as file:
            file.write(f"{text}\n".encode())
            flush_to_disk(file)


def remove_halves(path: pathlib.Path) -> None:
    """Removes the files under temporary names that a killed process has left."""
    for folder in (path, path / CHECKPOINT):
        for half in folder.glob(".*.part*"):
            half.unlink(missing_ok=True)


def load_record(path: pathlib.Path) -> RunRecord:
    """Reads config.json.

    Raises:
        ValueError: it is not there, or is no record of a run.
    """
    _check_has(path, RECORD)
    try:
        return RunRecord.from_json(json.loads((path / RECORD).read_text()))
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path / RECORD}: not the record of a run ({error}). Restore the file, "
            "or fit again."
        ) from error


def load_history(path: pathlib.Path) -> list[dict[str, float]]:
    """Reads history.csv: a row for each validation."""
    with (path / HISTORY).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) for name, value in row.items()} for row in rows]


def load(run_dir: str) -> Run:
    """Reads a run folder; warns if its training has not come to its end.

    Raises:
        ValueError: it is no run folder, or its model was saved by another Keras.
    """
    path = pathlib.Path(run_dir)
    record = load_record(path)
    model = load_model(path)
    if _is_unfinished(path):
        logger.warning(
            "%s: its training has not come to its end; this is its best model so far. "
            "Go on with it by `keras-unet fit --resume`.",
            path,
        )
    return Run(path, model, record)


def load_model(path: pathlib.Path) -> keras.Model:
    """Reads the model of a run folder.

    Raises:
        ValueError: it is not there, or was saved by another Keras.
    """
    _check_has(path, MODEL)
    saved = check_keras_version(path / MODEL)
    try:
        return keras.models.load_model(path / MODEL, compile=False)
    # Keras raises errors of many kinds on damaged files, and on those of newer ones.
    except Exception as error:
        way_out = "Restore the file, or fit again."
        if saved != keras.__version__:
            way_out = (
                f"It was saved by Keras {saved}, this is Keras {keras.__version__}: "
                f"install keras=={saved}, or fit again."
            )
        raise ValueError(
            f"{path / MODEL}: cannot be loaded ({error}). {way_out}"
        ) from error


def _is_unfinished(path: pathlib.Path) -> bool:
    try:
        state = json.loads((path / CHECKPOINT / STATE).read_text())
        return state["finished"] is False
    # Folders of runs are also copied without what only training needs.
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _check_has(path: pathlib.Path, name: str) -> None:
    if not (path / name).is_file():
        raise ValueError(
            f"{path}: no run folder: {name} is missing. Name a folder that "
            "`keras-unet fit` has finished, or one that pipelines.save_run made of a "
            "net of your own."
        )


def check_keras_version(path: pathlib.Path) -> str:
    """Returns the Keras that saved a .keras file; refuses another major version."""
    try:
        with zipfile.ZipFile(path) as archive:
            saved = str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: not a .keras file ({error}). Restore the file, or fit again."
        ) from error
    if saved.split(".")[0] != keras.__version__.split(".")[0]:
        raise ValueError(
            f"{path} was saved by Keras {saved}, this is Keras {keras.__version__}: "
            "their files do not fit each other. Use the environment that made it "
            "(config.json names the versions), or fit again in this one."
        )
    return saved
