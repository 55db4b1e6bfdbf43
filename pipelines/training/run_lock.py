"""One process at a time trains in a run folder."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from pipelines import run_folder
from pipelines.files.file_locks import try_lock


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
    """Holds a run folder within the block; a killed process holds it no longer.

    Args:
        path: the run folder, with its checkpoint/.

    Raises:
        ValueError: another process trains in it. (Where the file system has no locks
            for folders, as NFS, nobody is refused.)
    """
    # The folder itself is locked: no file stays behind.
    descriptor = os.open(path / run_folder.CHECKPOINT, os.O_RDONLY)
    try:
        if try_lock(descriptor) is False:
            raise ValueError(
                f"{path}: another process is training this run. Wait until it ends, "
                "or stop it, and go on with --resume."
            )
        yield
    finally:
        os.close(descriptor)
