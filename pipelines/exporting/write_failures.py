"""One sentence for what an export cannot write."""

import functools
import pathlib
from contextlib import AbstractContextManager

from pipelines.write_errors import told_as


def written_to(target: pathlib.Path) -> AbstractContextManager[None]:
    """Says what to do when the disk is full, or refuses.

    Args:
        target: saved_models/NAME, of which a version is written inside.

    Raises:
        ValueError: the system or TensorFlow could not write.
    """
    return told_as(functools.partial(cannot_be_written, target))


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
