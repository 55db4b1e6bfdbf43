"""One sentence for what a run cannot write."""

from contextlib import AbstractContextManager

from pipelines.files import write_errors


def written(what: str) -> AbstractContextManager[None]:
    """Says what is not there when the disk is full.

    Args:
        what: is written inside.

    Raises:
        ValueError: the disk is full or cannot be written to.
    """
    way_out = "Free some space and go on with --resume."
    return write_errors.written(what, way_out)
