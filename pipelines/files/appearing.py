"""Files and folders that appear under their name only when they are whole."""

import collections
import contextlib
import errno
import hashlib
import itertools
import os
import pathlib
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from typing import BinaryIO

# Halves of other machines that nobody has written to for so long are left for good.
LONGEST_SILENCE_SECONDS = 7 * 24 * 3600.0
# At the end of hidden names, and before it of a folder that another replaces.
_PART, _REPLACED = ".part", "-replaced"
# Of a name that stands in a hidden one as it is.
MOST_NAME_BYTES = 150
# With other errors nothing is lost: some systems do not flush folders, or what is open
# for reading only.
_LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def appearing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Lends another name beside `path`; renames what is there if all went well.

    Makes the folder if it is missing, and settles what a killed process left.

    Yields:
        A path in the same folder, hidden, at which nothing is yet.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _settle(path)
    name = short_name(path.name)
    partial = path.with_name(f".{name}.{_MACHINE}-{os.getpid()}-{_TOKEN}{_PART}")
    try:
        yield partial
        flush_all(partial)
        if partial.is_dir() and path.is_dir():
            _replace_folder(partial, path)
        else:
            os.replace(partial, path)
    finally:
        remove(partial)


def settle(paths: Collection[pathlib.Path]) -> None:
    """Removes what killed processes have left of files and folders up to now.

    Those of this machine; those of others after a week. A folder that is whole, since
    its process was killed while it took the place of another, gets its name.

    Raises:
        OSError: that folder cannot be renamed.
    """
    with _halves_lock:
        for folder in {path.parent for path in paths}:
            _halves.pop(folder.resolve(), None)
    for path in paths:
        _settle(path)


def _settle(path: pathlib.Path) -> None:
    # What was replaced comes before that which replaces it.
    for half in sorted(_halves_of(path)):
        name = half.name.removesuffix(_PART).removesuffix(_REPLACED) + _PART
        whole = half.with_name(name)
        if _is_running(whole if whole.exists() else half):
            continue
        if whole != half and whole.exists() and not path.exists():
            # Another process may settle the same.
            with contextlib.suppress(FileNotFoundError):
                os.rename(whole, path)
        remove(half)


def _replace_folder(partial: pathlib.Path, path: pathlib.Path) -> None:
    """Renames a folder to a name that another folder has, which is removed.

    A folder cannot be renamed over another, and removing one of many files takes long:
    the other gets a hidden name before. Between the two renames neither has its name;
    `settle` gives it to the new one.
    """
    other = path.with_name(partial.name.removesuffix(_PART) + _REPLACED + _PART)
    os.replace(path, other)
    try:
        os.replace(partial, path)
    except OSError:
        os.replace(other, path)
        raise
    remove(other)


def flush_to_disk(file: BinaryIO) -> None:
    """Waits until what was written to a file is on the disk.

    Before it is renamed: a name must not outlive a loss of power that its content does
    not.
    """
    file.flush()
    os.fsync(file.fileno())


def flush_all(path: pathlib.Path) -> None:
    """Flushes a file, or a folder with all it holds, such as the chunks of a Zarr.

    Raises:
        OSError: it did not get to the disk.
    """
    for part in itertools.chain([path], path.rglob("*") if path.is_dir() else ()):
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno in _LOST:
                raise
        finally:
            os.close(descriptor)


def short_name(name: str) -> str:
    """Returns a name that longer ones can be made of: a digest of a long one.

    Names of files have at most 255 bytes.
    """
    encoded = os.fsencode(name)
    if len(encoded) <= MOST_NAME_BYTES:
        return name
    return hashlib.sha256(encoded).hexdigest()[:32]


def remove(path: pathlib.Path) -> None:
    """Removes a file or a folder with all it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _machine() -> str:
    """Returns what tells where a process number is one's own: machine and container."""
    place = platform.node()
    # Containers may have the machine's name, and have the same few process numbers.
    with contextlib.suppress(OSError):
        place += f" {os.stat('/proc/self/ns/pid').st_ino}"
    return hashlib.sha256(place.encode()).hexdigest()[:8]


_MACHINE = _machine()
_TOKEN = uuid.uuid4().hex[:8]

# What other processes had left in a folder when this one first wrote there, by the name
# that it was to have: the folder is listed once, however many files are written.
_halves: dict[pathlib.Path, dict[str, list[pathlib.Path]]] = {}
_halves_lock = threading.Lock()


def _halves_of(path: pathlib.Path) -> list[pathlib.Path]:
    """Returns what other processes had left of a file, once."""
    folder = path.parent.resolve()
    with _halves_lock:
        if folder not in _halves:
            found = collections.defaultdict(list)
            for half in folder.glob(f".*{_PART}"):
                found[half.name.rsplit(".", 2)[0][1:]].append(half)
            _halves[folder] = dict(found)
        return _halves[folder].pop(short_name(path.name), [])


def _is_running(partial: pathlib.Path) -> bool:
    """Tells whether the process that made a partial file still runs."""
    machine, _, rest = partial.name.split(".")[-2].partition("-")
    number, _, token = rest.partition("-")
    if machine != _MACHINE or not number.isdecimal():
        # Of another machine nothing is known but that it writes, or is done.
        try:
            silence = time.time() - partial.stat().st_mtime
        except FileNotFoundError:
            return False
        return silence < LONGEST_SILENCE_SECONDS
    if int(number) == os.getpid():
        return token.removesuffix(_REPLACED) == _TOKEN
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
