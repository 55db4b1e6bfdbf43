"""What is said when some of many files fail."""

import pathlib
from collections.abc import Sequence

from pipelines.images.cache_folder import FULL
from pipelines.images.finding import printable

_MOST_NAMED = 20


class FilesError(ValueError):
    """Some of the files failed; the others are done.

    Attributes:
        done: the files that are written.
    """

    def __init__(self, message: str, done: list[pathlib.Path]) -> None:
        super().__init__(message)
        self.done = done


def sentence(source: pathlib.Path, target: pathlib.Path, error: Exception) -> str:
    """Returns what is said of a file that failed.

    Args:
        source: the file that is read.
        target: the file that is written; an OSError is of it.
        error: what happened.
    """
    read, written = printable(str(source)), printable(str(target))
    if isinstance(error, OSError):
        reason = " ".join(str(error.strerror or error).split())
        full = error.errno in FULL
        way_out = (
            "Make room, and run again with resume."
            if full
            else "Run again with resume once it can be, or name another folder."
        )
        return f"{written}: cannot be written ({reason}). {way_out}"
    text = " ".join(str(error).split())
    named = read in text or written in text
    return text if named else f"{read}: {text}"


def summary(failures: Sequence[str], num_files: int) -> str:
    """Returns what is said at the end, of what was said of each failure."""
    if num_files == 1:
        return failures[0]
    shown = " ".join(failures[:_MOST_NAMED])
    more = len(failures) - _MOST_NAMED
    rest = f" And {more} more; they are named above." if more > 0 else ""
    counts = f"{len(failures)} of {num_files} files failed, the others are done"
    if len(failures) == num_files:
        counts = f"all {num_files} files failed"
    return f"{counts}: {shown}{rest}"
