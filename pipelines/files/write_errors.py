"""Errors of the system and of TensorFlow where files are written, as one sentence."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def written(what: str, way_out: str) -> Iterator[None]:
    """Says what could not be written, why, and what to do.

    Args:
        what: is written inside.
        way_out: a sentence.

    Raises:
        ValueError: the system or TensorFlow could not write.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise ValueError(f"{what} cannot be written ({reason}). {way_out}") from error


def _reason(error: Exception) -> str | None:
    """Returns the words of the system or of TensorFlow; None for other errors."""
    if isinstance(error, OSError):
        return str(error.strerror or error)
    # Of its own files, such as those of TensorBoard. Where it is not loaded, and need
    # not be, it has raised nothing.
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    return str(error.message)
