"""Locks between processes, on file systems that have them.

A network file system may know no locks, or none on what is open for reading only. What
locks keep apart then is not: the work goes on, for one process alone it is safe.
"""

import contextlib
from typing import IO

try:
    import fcntl
except ImportError as error:
    raise ImportError(
        "The package pipelines and the command keras-unet need Linux or macOS. On "
        "Windows use WSL; keras_unet alone works there."
    ) from error


def wait_for_lock(file: IO[bytes] | int) -> None:
    """Holds a file, or a folder's descriptor, until it is closed; waits for others."""
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)


def try_lock(file: IO[bytes] | int) -> bool | None:
    """Holds a file, or a folder's descriptor, until it is closed.

    Returns:
        Whether it is held now; False if another process holds it, None if the file
        system cannot tell.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
