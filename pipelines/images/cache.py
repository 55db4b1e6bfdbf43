"""Arrays made once and kept uncompressed on disk, up to a bound."""

import contextlib
import hashlib
import pathlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import numpy as np

from pipelines.images import cache_folder
from pipelines.images.damage import UnreadableImage
from pipelines.images.flat import FlatArray, read_window
from pipelines.images.handles import ChangedFile, SourceFile
from pipelines.images.windowed import WindowedImage

Fill = Callable[[np.ndarray], None]
# Raised when files are decoded to other pixels than before: older entries are invalid.
DECODING = 2
# How often a used array is marked as used: marking takes system calls.
_MARK_SECONDS = 10.0
# Other processes may remove an array between its making and its reading.
_ATTEMPTS = 5


class ArrayCache:
    """A folder of arrays that are costly to make: decoded images, weight maps.

    Safe for several threads and several processes at once; an array appears only when
    it is whole, and the least recently used go when the bound is reached.

    Args:
        folder: is made when the first array is.
        limit_bytes: the most disk space that the folder may take.
    """

    def __init__(self, folder: pathlib.Path | str, limit_bytes: int) -> None:
        self._folder = pathlib.Path(folder)
        self._limit = limit_bytes

    def get(
        self,
        key: str,
        name: str,
        shape: tuple[int, int, int],
        dtype: np.dtype | type,
        fill: Fill,
    ) -> WindowedImage | None:
        """Returns an array of the cache; `fill` writes it when a window is first read.

        It is written again when it has been removed, by another process or to make
        room, so `fill` must give the same array at every call.

        Args:
            key: what the array depends on; see `file_key`.
            name: what messages call the image.
            shape: (height, width, channels).
            dtype: of the array.
            fill: writes all of an array of that shape; may write it part by part.
                What it raises comes out of `window`.

        Returns:
            The array as an image; None if it is larger than the bound.
        """
        dtype = np.dtype(dtype)
        row = shape[2] * dtype.itemsize
        header = cache_folder.npy_header(shape, dtype)
        strides = (shape[1] * row, row, dtype.itemsize)
        flat = FlatArray(len(header), shape, strides, dtype)
        if flat.end > self._limit:
            return None
        digest = hashlib.sha256(
            repr((DECODING, key, shape, dtype.str)).encode()
        ).hexdigest()
        path = self._folder / f"{digest[:40]}.npy"
        return _CachedImage(path, self._limit, name, flat, fill)


def cache_of_gigabytes(
    folder: pathlib.Path | str, gigabytes: float
) -> ArrayCache | None:
    """Returns a cache of so many 10**9 bytes; None, for memory instead, of 0."""
    return ArrayCache(folder, int(gigabytes * 1e9)) if gigabytes else None


def file_key(path: pathlib.Path, *more: object) -> str:
    """Returns a key that changes when the file does (by its size and time).

    Args:
        path: the file; or a folder, a Zarr store, which changes when any file in it
            does.
        more: what else the array depends on, such as the page.
    """
    return repr(tuple(map(str, (path.resolve(), file_state(path), *more))))


def file_state(path: pathlib.Path) -> str:
    """Returns what changes when a file or a Zarr store does, wherever it is."""
    status = path.stat()
    parts = [status.st_size, status.st_mtime_ns]
    if path.is_dir():
        parts += _folder_state(path)
    return repr(parts)


def _folder_state(path: pathlib.Path) -> tuple[int, int, int]:
    """Returns number, bytes and newest time of all that is in a folder."""
    count, size, newest = 0, 0, 0
    for file in path.rglob("*"):
        # Chunks may come and go meanwhile.
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            count, size = count + 1, size + status.st_size
            newest = max(newest, status.st_mtime_ns)
    return count, size, newest


class _CachedImage(WindowedImage):
    def __init__(
        self,
        path: pathlib.Path,
        limit_bytes: int,
        name: str,
        flat: FlatArray,
        fill: Fill,
    ) -> None:
        self._path, self._limit, self._fill = path, limit_bytes, fill
        self._flat = flat
        self._source: SourceFile | None = None
        self._marked = 0.0
        self.name, self.dtype = name, flat.dtype
        self.height, self.width, self.channels = flat.shape

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Reads from the file, which is written first if it is not there."""
        for _ in range(_ATTEMPTS):
            # Other threads may set it to None meanwhile.
            source = self._source or self._made()
            if source is None:
                continue
            try:
                with source.opened() as descriptor:
                    self._mark(descriptor)
                    return read_window(descriptor, self._flat, top, left, height, width)
            # Another process has removed it, or made it anew.
            except (FileNotFoundError, ChangedFile):
                self._source = None
        raise UnreadableImage(
            f"{self.name}: other processes remove it from {self._path.parent} as fast "
            "as it is decoded. Set a greater cache_gigabytes for them."
        )

    def close(self) -> None:
        """Closes the file: one that is removed then takes no disk any more."""
        source = self._source
        if source is not None:
            source.release()

    def _made(self) -> SourceFile | None:
        """Returns the whole file, or None if it was removed at once."""
        with _one_at_a_time(self._path):
            try:
                source = SourceFile(self._path)
                if source.state.size != self._flat.end:
                    raise FileNotFoundError
            except FileNotFoundError:
                flat = self._flat
                cache_folder.write_array(
                    self._path, flat.shape, flat.dtype, self._fill, self._limit
                )
                try:
                    source = SourceFile(self._path)
                except FileNotFoundError:
                    return None
            self._source = source
            return source

    def _mark(self, descriptor: int) -> None:
        now = time.monotonic()
        if now - self._marked > _MARK_SECONDS:
            self._marked = now
            cache_folder.mark_used(descriptor)


_locks_lock = threading.Lock()
# Each as long as somebody holds it or waits for it.
_locks: weakref.WeakValueDictionary[pathlib.Path, threading.Lock]
_locks = weakref.WeakValueDictionary()


@contextlib.contextmanager
def _one_at_a_time(path: pathlib.Path) -> Iterator[None]:
    """Lets one thread of this process make a file, while others wait for it.

    A lock for each file: making one may need another, as weights need a mask.
    """
    with _locks_lock:
        lock = _locks.setdefault(path, threading.Lock())
    with lock:
        yield
