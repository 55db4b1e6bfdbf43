"""A memory of values that cost time to make, up to a number of bytes."""

import collections
import threading
from collections.abc import Hashable
from typing import Any


class BoundedCache:
    """Keeps values by key; those used longest ago go when the bound is reached.

    Args:
        limit_bytes: the most that all values may take together.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._total = 0
        self._values: collections.OrderedDict[Hashable, tuple[Any, int]] = (
            collections.OrderedDict()
        )

    def get(self, key: Hashable) -> Any:
        """Returns the value, or None if it is not kept (any more)."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, num_bytes: int) -> None:
        """Keeps a value, unless it is larger than the bound."""
        if num_bytes > self._limit:
            return
        with self._lock:
            _, replaced = self._values.pop(key, (None, 0))
            self._values[key] = value, num_bytes
            self._total += num_bytes - replaced
            while self._total > self._limit:
                _, (_, removed) = self._values.popitem(last=False)
                self._total -= removed


# Decoded tiles, strips and chunks of all open images.
SEGMENTS = BoundedCache(64 * 2**20)
