"""Decoded images kept in memory up to a bound."""

import collections
import threading
from collections.abc import Callable

import numpy as np

LIMIT_BYTES = 2**30


class DecodedImages:
    """Reads images by number and keeps those last used.

    Safe for use from several threads, as tf.data's parallel calls need.

    Args:
        read: returns image number i.
        limit_bytes: what is kept in memory at the most; the image asked for last is
            kept whatever its size.
    """

    def __init__(
        self, read: Callable[[int], np.ndarray], limit_bytes: int = LIMIT_BYTES
    ) -> None:
        self._read = read
        self._limit = limit_bytes
        self._kept: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> np.ndarray:
        """Returns image number `index`."""
        with self._lock:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
        image = self._read(index)
        with self._lock:
            # Another thread may have read the same image meanwhile.
            if index not in self._kept:
                self._kept[index] = image
                self._bytes += image.nbytes
            while self._bytes > self._limit and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes
        return image
