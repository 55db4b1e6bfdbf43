"""One sentence for what an export cannot write."""

import pathlib
from contextlib import AbstractContextManager

from pipelines.files import write_errors


def written_to(target: pathlib.Path) -> AbstractContextManager[None]:
    """Says what to do when the disk is full, or refuses.

    Args:
        target: saved_models/NAME, of which a version is written inside.

    Raises:
        ValueError: the system or TensorFlow could not write.
    """
    way_out = "Nothing was published. Free some space, or name another folder."
    return write_errors.written(f"{target}: the version", way_out)
