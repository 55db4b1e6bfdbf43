"""Errors of the system and of TensorFlow where files are written, as one sentence."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def told_as(said: Callable[[str], ValueError]) -> Iterator[None]:
    """Raises in the place of what could not be written.

    Args:
        said: makes the error from the reason, which is in the words of the system.

    Raises:
        ValueError: the system or TensorFlow could not write; that of `said`.
    """
    # Not above: what needs this module may do without TensorFlow.
    from tensorflow import errors

    try:
        yield
    except OSError as error:
        raise said(str(error.strerror or error)) from error
    except errors.OpError as error:
        # TensorFlow's own files, such as those of TensorBoard.
        raise said(error.message) from error
