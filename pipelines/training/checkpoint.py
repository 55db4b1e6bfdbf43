"""Checkpoints of a training: all that is needed to go on, one file each.

A file appears under its name only when it is whole and on the disk, and its parts carry
checksums, so that a half-written or damaged one is never taken. The one before is
removed when the next is in place.
"""

import dataclasses
import json
import logging
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from pipelines.files.appearing import appearing
from pipelines.files.write_errors import written

logger = logging.getLogger(__name__)

PREFIX, SUFFIX = "step_", ".npz"
_PROGRESS = "progress"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The state of a training after a step.

    Attributes:
        step: training steps done.
        progress: what else is known, as JSON takes it.
        arrays: the numbers of net and optimizer, by the name of their group.
    """

    step: int
    progress: dict[str, Any]
    arrays: dict[str, list[np.ndarray]]


def write(folder: pathlib.Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint and removes the one before.

    Raises:
        ValueError: the disk is full or cannot be written to; the one before is kept.
    """
    path = folder / f"{PREFIX}{checkpoint.step:09}{SUFFIX}"
    earlier = _paths(folder)
    kept = f"That of step {_step(earlier[0])}" if earlier else "None"
    way_out = f"{kept} is kept; free some space and go on with --resume."
    with (
        written(f"{path}: the checkpoint", way_out),
        appearing(path) as partial,
        partial.open("wb") as file,
    ):
        _write_parts(file, checkpoint)
    for other in earlier:
        if other != path:
            other.unlink(missing_ok=True)


def exists(folder: pathlib.Path) -> bool:
    """Tells whether there is a checkpoint, whole or not."""
    return bool(_paths(folder))


def read_latest(folder: pathlib.Path) -> Checkpoint | None:
    """Reads the newest checkpoint that is whole; None if there is none."""
    for path in _paths(folder):
        try:
            return _read(path)
        # NumPy and zipfile raise errors of many kinds on damaged files.
        except Exception as error:
            logger.warning("%s is damaged (%s) and not used.", path, error)
    return None


def remove_all(folder: pathlib.Path) -> None:
    """Removes all checkpoints of a folder."""
    for path in [*_paths(folder), *folder.glob(f".{PREFIX}*.part")]:
        path.unlink(missing_ok=True)


def _write_parts(file: BinaryIO, checkpoint: Checkpoint) -> None:
    progress = json.dumps(checkpoint.progress).encode()
    parts = {_PROGRESS: np.frombuffer(progress, np.uint8)}
    for group, arrays in checkpoint.arrays.items():
        for number, array in enumerate(arrays):
            parts[f"{group}-{number}"] = np.asarray(array)
    np.savez(file, **parts)  # type: ignore[arg-type]


def _read(path: pathlib.Path) -> Checkpoint:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"{damaged} does not have its checksum")
    with np.load(path) as parts:
        progress = json.loads(parts[_PROGRESS].tobytes())
        numbered: dict[str, dict[int, np.ndarray]] = {}
        for name in parts.files:
            if name != _PROGRESS:
                group, number = name.rsplit("-", 1)
                numbered.setdefault(group, {})[int(number)] = parts[name]
    arrays = {
        group: [found[number] for number in sorted(found)]
        for group, found in numbered.items()
    }
    return Checkpoint(_step(path), progress, arrays)


def _paths(folder: pathlib.Path) -> Sequence[pathlib.Path]:
    """Lists the checkpoints of a folder, the newest first."""
    found = folder.glob(f"{PREFIX}*{SUFFIX}")
    return sorted((path for path in found if path.is_file()), key=_step, reverse=True)


def _step(path: pathlib.Path) -> int:
    return int(path.stem.removeprefix(PREFIX))
