"""Version folders of an exported model: written beside, published by one rename.

TensorFlow Serving takes every child of saved_models/NAME whose name is a number, half
written or not, and gives up a number that has failed to load (after six tries) until it
is restarted. So a version gets its number when it is whole, and no number is given
twice: the highest one is kept in a hidden file, which also outlives the removal of
versions.
"""

import contextlib
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Iterator

from pipelines.export_layout import (
    LARGEST_VERSION,
    is_version_name,
    published_versions,
)
from pipelines.images.file_locks import wait_for_lock

HIGHEST = ".highest-version"
_PARTIAL, _REMOVED = ".part-", ".removed-"


def publish(
    target: pathlib.Path, write: Callable[[pathlib.Path], object], keep: int | None
) -> int:
    """Writes a version and publishes it as the next one.

    Whenever the process is killed, each numbered folder is whole.

    Args:
        target: saved_models/NAME; made if missing.
        write: makes a folder at the path that it is given, and fills it.
        keep: how many of the newest versions stay; None for all.

    Returns:
        The number of the version: one more than the highest ever given.

    Raises:
        ValueError: there is no number left.
    """
    is_new = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    # Unique: in containers process ids repeat, and a killed export leaves its folder.
    partial = target / f"{_PARTIAL}{uuid.uuid4().hex}"
    try:
        write(partial)
        _flush(partial)
        version = _rename_to_next(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if is_new and not any(target.iterdir()):
            target.rmdir()
    if keep is not None:
        _remove_oldest(target, keep)
    return version


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
    file = os.open(target / HIGHEST, os.O_RDWR | os.O_CREAT, 0o644)

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
        # A server must not see it half removed either. Another export may be faster.
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, target / f"{_REMOVED}{uuid.uuid4().hex}")
    for path in target.glob(f"{_REMOVED}*"):
        shutil.rmtree(path, ignore_errors=True)


def _flush(folder: pathlib.Path) -> None:
    """Waits until files are on the disk: a rename may get there before them."""
    for path in folder.rglob("*"):
        if path.is_file():
            # Not every system flushes what is open for reading only.
            with path.open("rb") as file, contextlib.suppress(OSError):
                os.fsync(file.fileno())
