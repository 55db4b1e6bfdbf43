"""One sentence for what a run cannot write."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def written(what: str) -> Iterator[None]:
    """Says what is not there when the disk is full.

    Args:
        what: is written inside.

    Raises:
        ValueError: the disk is full or cannot be written to.
    """
    try:
        yield
    except OSError as error:
        raise _lost(what, str(error.strerror or error)) from error
    except tf.errors.OpError as error:
        # TensorFlow's own files, such as those of TensorBoard.
        raise _lost(what, error.message) from error


def _lost(what: str, reason: str) -> ValueError:
    return ValueError(
        f"{what} cannot be written ({reason}). Free some space and go on with --resume."
    )
