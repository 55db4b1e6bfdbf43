"""One sentence for what an export cannot write."""

import contextlib
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def written_to(target: pathlib.Path) -> Iterator[None]:
    """Says what to do when the disk is full, or refuses.

    Args:
        target: saved_models/NAME, of which a version is written inside.

    Raises:
        ValueError: the system or TensorFlow could not write.
    """
    # Not above: publishing, which needs this module, does not need TensorFlow.
    from tensorflow import errors

    try:
        yield
    except OSError as error:
        raise cannot_be_written(target, str(error.strerror or error)) from error
    except errors.OpError as error:
        raise cannot_be_written(target, error.message) from error


def cannot_be_written(target: pathlib.Path, reason: str) -> ValueError:
    """Returns what is said of a version that did not get to the disk.

    Args:
        target: saved_models/NAME.
        reason: in the words of the system.
    """
    return ValueError(
        f"{target}: the version cannot be written ({reason}). Nothing was published. "
        "Free some space, or name another folder."
    )
