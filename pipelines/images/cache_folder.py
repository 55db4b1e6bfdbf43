"""The folder of an array cache: files appear whole, and the oldest make place."""

import contextlib
import errno
import io
import logging
import math
import mmap
import os
import pathlib
import time
import uuid
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from pipelines.files.appearing import flush_to_disk
from pipelines.files.file_locks import try_lock, wait_for_lock
from pipelines.images.damage import UnreadableImage

_logger = logging.getLogger(__name__)
# Larger arrays are written through a map, so that they need not fit into memory.
MOST_IN_MEMORY = 64 * 2**20
MANY_FILES = 1000
# A disk, or the part of it that a user may take.
FULL = (errno.ENOSPC, errno.EDQUOT)
# An array that is removed so soon after its last use will soon be wanted again.
_SOON_SECONDS = 300.0


def npy_header(shape: tuple[int, int, int], dtype: np.dtype) -> bytes:
    """Returns what a .npy file of rows one after the other begins with."""
    buffer = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, about)
    return buffer.getvalue()


def write_array(
    path: pathlib.Path,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    fill: Callable[[np.ndarray], None],
    limit_bytes: int,
) -> None:
    """Writes an array under a temporary name and renames it when it is whole.

    Args:
        path: of the file; what is there is replaced.
        shape: of the array.
        dtype: of the array.
        fill: writes all of the array.
        limit_bytes: of the folder; files used longest ago are removed to keep it.

    Raises:
        UnreadableImage: the disk is full, or the folder cannot be written.
    """
    header, num_bytes = npy_header(shape, dtype), math.prod(shape) * dtype.itemsize
    with _reserved(path, len(header) + num_bytes, limit_bytes) as (file, partial):
        if num_bytes <= MOST_IN_MEMORY:
            array = np.empty(shape, dtype)
            fill(array)
            with _disk(path.parent):
                file.write(header)
                file.write(array.reshape(-1).view(np.uint8).data)
        else:
            with _disk(path.parent):
                file.write(header)
                file.flush()
                array = np.memmap(file, dtype, "r+", len(header), shape)
            fill(array)
            del array
        with _disk(path.parent):
            flush_to_disk(file)
            os.replace(partial, path)


def release_pages(array: np.ndarray) -> None:
    """Lets the system take back the memory of what was written to a mapped array."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.flush()
        mapped.madvise(mmap.MADV_DONTNEED)


def mark_used(descriptor: int) -> None:
    """Notes that an array is used now: in its time of access, which is ours alone."""
    status = os.fstat(descriptor)
    # Another user's cache may be read only.
    with contextlib.suppress(OSError):
        os.utime(descriptor, ns=(time.time_ns(), status.st_mtime_ns))


@contextlib.contextmanager
def _reserved(
    path: pathlib.Path, num_bytes: int, limit_bytes: int
) -> Iterator[tuple[BinaryIO, pathlib.Path]]:
    """Lends a file of `num_bytes` zeros, which is removed if it is not renamed."""
    folder = path.parent
    partial = folder / f".{path.stem}.{uuid.uuid4().hex}.part"
    with contextlib.ExitStack() as stack:
        with _disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder) as lock:
                _make_room(folder, lock, num_bytes, limit_bytes)
                file = open(partial, "w+b")
                stack.callback(_remove, file, partial)
                # As long as it is locked, others see that it is being written.
                wait_for_lock(file)
                # They count it from now on, before the disk has room for it.
                file.truncate(num_bytes)
            try:
                _reserve(file, num_bytes)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                # Our own arrays make room, before others feel that the disk is full:
                # twice as much as this one, which counts already.
                with _locked(folder):
                    _cleared(folder, _cleared(folder) - 3 * num_bytes)
                _reserve(file, num_bytes)
        yield file, partial


def _remove(file: BinaryIO, partial: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        file.close()
    partial.unlink(missing_ok=True)


def _reserve(file: BinaryIO, num_bytes: int) -> None:
    """Takes disk space: writing to a map of a full disk would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    for start in range(0, num_bytes, 2**20):
        file.write(bytes(min(2**20, num_bytes - start)))
    file.seek(0)


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[BinaryIO]:
    with open(folder / ".lock", "a+b") as lock:
        wait_for_lock(lock)
        yield lock


# Folders that this process has looked through.
_looked_through: set[pathlib.Path] = set()


def _make_room(
    folder: pathlib.Path, lock: BinaryIO, num_bytes: int, limit_bytes: int
) -> None:
    """Makes room for an array.

    What all processes have written stands in the lock file: looking through the folder
    for each array would take longer than decoding, with ten thousands of them. Files
    that are gone since still count there, until the bound seems to be reached.
    """
    lock.seek(0)
    noted = lock.read()
    used = int(noted) if noted.isdigit() else limit_bytes
    if folder not in _looked_through or used + num_bytes > limit_bytes:
        used = _cleared(folder, limit_bytes - num_bytes)
        _looked_through.add(folder)
    lock.truncate(0)
    lock.write(str(used + num_bytes).encode())
    lock.flush()


def _cleared(folder: pathlib.Path, most_bytes: float = math.inf) -> int:
    """Removes files used longest ago until the others take at most `most_bytes`.

    Returns:
        The bytes of those that stay.
    """
    files = []
    total = 0
    for entry in os.scandir(folder):
        path = pathlib.Path(entry.path)
        try:
            status = entry.stat()
            if path.suffix == ".part" and _abandoned(path):
                path.unlink(missing_ok=True)
                continue
        # Another process has removed or renamed it.
        except FileNotFoundError:
            continue
        if path.suffix in (".npy", ".part"):
            total += status.st_size
        if path.suffix == ".npy":
            files.append((status.st_atime, status.st_size, path))
    if total <= most_bytes:
        return total
    if len(files) > MANY_FILES:
        # Some more, so that the folder is not looked through for each of them.
        most_bytes -= total // 16
    for used, size, path in sorted(files):
        if total <= most_bytes:
            break
        if time.time() - used < _SOON_SECONDS:
            _logger.debug("%s is too small for the images in use", folder)
        path.unlink(missing_ok=True)
        total -= size
    return total


def _abandoned(path: pathlib.Path) -> bool:
    """Tells whether the process that wrote a file is known to have ended."""
    # For writing, too: some systems lock nothing else.
    with open(path, "r+b") as file:
        return try_lock(file) is True


@contextlib.contextmanager
def _disk(folder: pathlib.Path) -> Iterator[None]:
    """Turns errors of the disk into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (*FULL, errno.EFBIG):
            raise UnreadableImage(
                f"{folder}: the disk is full; decoded images are kept there. Free "
                "some space, or set a lower cache_gigabytes (0 decodes into memory); "
                "for predict, TMPDIR on a larger disk."
            ) from error
        reason = error.strerror or error
        raise UnreadableImage(
            f"{folder}: decoded images cannot be kept there ({reason}). Make it "
            "writable, or set cache_gigabytes to 0 to decode into memory."
        ) from error
