"""Open files: at most a few at once, opened again when they are wanted again."""

import collections
import contextlib
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import NamedTuple

# Of all images together: systems allow a process 256 or 1024 files.
MOST_OPEN = 64


class ChangedFile(Exception):
    """A file is another than it was when it was opened."""


class FileState(NamedTuple):
    """What changes when a file is written to or replaced."""

    size: int
    modified_ns: int
    number: int


def state_of(path: pathlib.Path) -> FileState | None:
    """Returns the state of a file, None where there is none."""
    try:
        return _state(os.stat(path))
    except OSError:
        return None


class SourceFile:
    """A file that is read in parts, as long as it stays what it was.

    Args:
        path: the file, which exists.

    Attributes:
        path: the file.
        state: size, time and number of the file when this object was made.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.state = _state(os.stat(path))

    @property
    def key(self) -> tuple[str, FileState]:
        """What tells it from other files and from other states of this one."""
        return str(self.path), self.state

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Lends a descriptor for os.pread.

        Raises:
            ChangedFile: the file was written to or replaced.
            OSError: it cannot be opened, FileNotFoundError if it is gone.
        """
        handle = _HANDLES.borrow(self)
        try:
            if _state(os.fstat(handle.descriptor)) != self.state:
                raise ChangedFile
            yield handle.descriptor
        finally:
            _HANDLES.give_back(handle)

    def release(self) -> None:
        """Closes its descriptor if nobody uses it; it is opened again when wanted."""
        _HANDLES.release(self)

    def check_unchanged(self) -> None:
        """Raises ChangedFile if the file was written to or replaced."""
        if _state(os.stat(self.path)) != self.state:
            raise ChangedFile


def read_exactly(descriptor: int, size: int, offset: int) -> bytes:
    """Reads bytes of an open file.

    Raises:
        ValueError: the file ends before.
    """
    data = os.pread(descriptor, size, offset)
    while len(data) < size:
        more = os.pread(descriptor, size - len(data), offset + len(data))
        if not more:
            raise ValueError(f"it breaks off at byte {offset + len(data)}")
        data += more
    return data


def _state(status: os.stat_result) -> FileState:
    return FileState(status.st_size, status.st_mtime_ns, status.st_ino)


class _Handle:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users = 0


class _Handles:
    """Descriptors by file; those that nobody uses are closed beyond the bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._handles: collections.OrderedDict[tuple, _Handle] = (
            collections.OrderedDict()
        )

    def borrow(self, source: SourceFile) -> _Handle:
        with self._lock:
            handle = self._handles.get(source.key)
            if handle is None:
                handle = _Handle(os.open(source.path, os.O_RDONLY))
                self._handles[source.key] = handle
            self._handles.move_to_end(source.key)
            handle.users += 1
            return handle

    def release(self, source: SourceFile) -> None:
        with self._lock:
            handle = self._handles.get(source.key)
            if handle is not None and handle.users == 0:
                os.close(self._handles.pop(source.key).descriptor)

    def give_back(self, handle: _Handle) -> None:
        with self._lock:
            handle.users -= 1
            surplus = len(self._handles) - self._most
            if surplus <= 0:
                return
            idle = [key for key, other in self._handles.items() if other.users == 0]
            for key in idle[:surplus]:
                os.close(self._handles.pop(key).descriptor)


_HANDLES = _Handles(MOST_OPEN)
