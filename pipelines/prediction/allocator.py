"""What the C library does with memory that is freed."""

import ctypes
import sys

# Names of glibc's malloc.h, and the size from which on a block is a mapping of its own.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_BYTES = 2**20


def return_freed_memory() -> bool:
    """Lets glibc give large blocks back to the system when they are freed.

    Left alone it raises the size from which on it does so to that of the blocks it has
    seen: bands of a wide image then stay in its heaps, one for each thread, in pieces
    that fit nothing else (a third more memory at 20,000 pixels of width).

    Returns:
        Whether the C library is one that can be told.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    told = [mallopt(name, _BYTES) for name in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)]
    return all(told)
