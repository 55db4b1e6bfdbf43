"""One sentence for what a run cannot write."""

from contextlib import AbstractContextManager

from pipelines.write_errors import told_as


def written(what: str) -> AbstractContextManager[None]:
    """Says what is not there when the disk is full.

    Args:
        what: is written inside.

    Raises:
        ValueError: the disk is full or cannot be written to.
    """
    return told_as(
        lambda reason: ValueError(
            f"{what} cannot be written ({reason}). Free some space and go on with "
            "--resume."
        )
    )
