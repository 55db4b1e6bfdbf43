"""The files that evaluate writes: JSON and page."""

import contextlib
import pathlib
from collections.abc import Collection, Iterator

import tensorflow as tf

from pipelines.config import EvaluateConfig
from pipelines.evaluation.unscored import NO_MEMORY
from pipelines.images.writing import check_replaceable
from pipelines.scores.evaluation_result import Evaluation
from pipelines.validation import OF_ONE_IMAGE


def check_outputs(
    config: EvaluateConfig, inputs: Collection[pathlib.Path] = ()
) -> None:
    """Checks before the work that the scores can be written at its end.

    Args:
        config: names the files.
        inputs: what is read.

    Raises:
        ValueError: a file cannot be written, or is an input.
    """
    for name in (config.json, config.report):
        if name is not None:
            check_replaceable(pathlib.Path(name), inputs)


class UnwrittenScores(ValueError):
    """The scores are there, but not their file.

    Attributes:
        report: the scores.
    """

    def __init__(self, message: str, report: Evaluation) -> None:
        super().__init__(message)
        self.report = report


@contextlib.contextmanager
def kept(evaluation: Evaluation, path: str | None) -> Iterator[None]:
    """Lets an error in writing a file not take the scores with it."""
    try:
        yield
    except (OSError, ValueError, *OF_ONE_IMAGE) as error:
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
            reason = NO_MEMORY
        raise UnwrittenScores(
            f"{path}: cannot be written ({reason}). The scores are shown all the same; "
            "mend that, or name another file.",
            evaluation,
        ) from error
