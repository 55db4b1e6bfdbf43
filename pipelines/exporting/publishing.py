"""Version folders of an exported model: written beside, published by one rename.

TensorFlow Serving takes every child of saved_models/NAME whose name is a number, half
written or not, and gives up a number that has failed to load (after six tries) until it
is restarted. So a version gets its number when it is whole, and no number is given
twice: the highest one is kept in a hidden file, which also outlives the removal of
versions.
"""

import contextlib
import logging
import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

from pipelines.export_layout import (
    LARGEST_VERSION,
    SAVED_MODEL,
    is_version_name,
    published_versions,
)
from pipelines.exporting.write_failures import written_to
from pipelines.files.appearing import flush_all
from pipelines.files.file_locks import try_lock, wait_for_lock
from pipelines.results.writing import check_writable

HIGHEST = ".highest-version"
_PARTIAL, _REMOVED = ".part-", ".removed-"
# Ours, and no copy that somebody makes under a hidden name.
_PARTIAL_NAME = re.compile(re.escape(_PARTIAL) + "[0-9a-f]{32}")

_Result = TypeVar("_Result")

logger = logging.getLogger(__name__)


def check_target(to: str) -> pathlib.Path:
    """Returns the folder saved_models/NAME that is named.

    Raises:
        ValueError: it is an address, a file or a version, or its name is a number,
            which a server of the folder above would take for a version.
    """
    target = pathlib.Path(to)
    if "://" in to:
        raise ValueError(
            f"{to} is an address. Export to a folder saved_models/NAME of this "
            "machine, and copy the version from there."
        )
    if target.exists() and not target.is_dir():
        raise ValueError(f"{to} is a file; name a folder saved_models/NAME.")
    absolute = pathlib.Path(os.path.abspath(target))
    if is_version_name(absolute.name) or (target / SAVED_MODEL).exists():
        raise ValueError(
            f"{to} is a version, or named like one: a server would take it for a "
            f"version of {absolute.parent}. Name the folder of the model, "
            "saved_models/NAME; the next version is added to it."
        )
    return target


def publish(
    target: pathlib.Path, write: Callable[[pathlib.Path], _Result], keep: int | None
) -> tuple[int, _Result]:
    """Writes a version and publishes it as the next one.

    Whenever the process is killed, each numbered folder is whole. What cannot be
    removed of older versions is logged.

    Args:
        target: saved_models/NAME; made if missing.
        write: fills the folder that it is given.
        keep: how many of the newest versions stay; None for all.

    Returns:
        The number of the version, one more than the highest ever given, and what
        `write` returned.

    Raises:
        ValueError: the folder cannot be written to (before `write` is called), the
            files were lost on their way to the disk, or there is no number left.
    """
    is_new = not target.exists()
    try:
        with _partial_folder(target) as partial:
            result = write(partial)
            # A rename may get to the disk before the files.
            with written_to(target):
                flush_all(partial)
            version = _rename_to_next(partial, target)
    finally:
        if is_new:
            _remove_if_unused(target)
    if keep is not None:
        _remove_oldest(target, keep)
    return version, result


@contextlib.contextmanager
def _partial_folder(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a new hidden folder, which is gone at the end unless it was renamed.

    Its lock tells it from those that killed exports have left; they are removed.
    """
    check_writable(target)
    with _highest_version(target):
        for left in target.iterdir():
            if _PARTIAL_NAME.fullmatch(left.name):
                _remove_left_folder(left)
        # Unique: in containers process ids repeat.
        partial = target / f"{_PARTIAL}{uuid.uuid4().hex}"
        partial.mkdir()
        folder = os.open(partial, os.O_RDONLY)
        try_lock(folder)
    try:
        yield partial
    finally:
        os.close(folder)
        shutil.rmtree(partial, ignore_errors=True)


def _remove_left_folder(left: pathlib.Path) -> None:
    """Removes a hidden folder, unless an export is at work in it."""
    try:
        folder = os.open(left, os.O_RDONLY)
    except FileNotFoundError:
        return
    except OSError:
        # Of another user, who may be at work.
        is_left = None
    else:
        is_left = try_lock(folder)
        os.close(folder)
    if is_left:
        _delete(left)
    elif is_left is None:
        logger.warning(
            "%s is of an export that still runs, or that was killed: delete it in the "
            "latter case.",
            left,
        )


def _delete(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning(
            "%s is no longer needed and could not be deleted. Delete it.", folder
        )


def _remove_if_unused(target: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        if [child.name for child in target.iterdir()] == [HIGHEST]:
            (target / HIGHEST).unlink()
        # Fails where a version, or another export, is in it.
        target.rmdir()


def _rename_to_next(partial: pathlib.Path, target: pathlib.Path) -> int:
    with _highest_version(target) as (highest, keep_highest):
        while True:
            names = [child.name for child in target.iterdir()]
            taken = [int(name) for name in names if is_version_name(name)]
            version = max([highest, *taken]) + 1
            if version > LARGEST_VERSION:
                raise ValueError(
                    f"{target} has used the version {LARGEST_VERSION}, after which "
                    "TensorFlow Serving takes none. Export to another folder."
                )
            # Before the rename: killed between them, a number is lost, not reused.
            keep_highest(version)
            try:
                os.rename(partial, target / str(version))
            except OSError:
                # Another export took the number, without locks; else it is not ours.
                if not (target / str(version)).exists():
                    raise
                continue
            return version


@contextlib.contextmanager
def _highest_version(
    target: pathlib.Path,
) -> Iterator[tuple[int, Callable[[int], None]]]:
    """Yields the highest version ever given, and a function that keeps a higher one.

    Other exports to the folder wait; the system frees the lock of a killed one.
    """
    path = target / HIGHEST
    try:
        # The umask tells whether a group that shares the folder may write to it.
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be written to ({error.strerror}). Let its owner give you "
            "the right to, or export to another folder."
        ) from error

    def keep(version: int) -> None:
        # Of one length, in one write: the file is never half a number.
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, f"{version:019d}\n".encode())
        os.fsync(file)

    try:
        # Where a file system has no locks, the rename alone decides.
        wait_for_lock(file)
        text = os.read(file, 20).strip()
        yield int(text) if text.isdigit() else 0, keep
    finally:
        os.close(file)


def _remove_oldest(target: pathlib.Path, keep: int) -> None:
    versions = published_versions(target)
    for _, path in sorted(versions.items())[:-keep]:
        try:
            # A server must not see it half removed either.
            os.rename(path, target / f"{_REMOVED}{uuid.uuid4().hex}")
        except FileNotFoundError:
            # Another export was faster.
            continue
        except OSError as error:
            logger.warning(
                "%s is older than the %d versions to keep and could not be removed "
                "(%s). Remove it.",
                *(path, keep, error.strerror),
            )
    for path in target.glob(f"{_REMOVED}*"):
        _delete(path)
