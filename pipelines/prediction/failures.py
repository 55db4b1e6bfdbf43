"""What is said when a prediction fails, or loses something."""

import errno
import logging
import pathlib
from collections.abc import Sequence

import tensorflow as tf

from pipelines.images import geo
from pipelines.images.finding import TIFF_SUFFIXES
from pipelines.prediction.prediction_files import OutputFile

logger = logging.getLogger(__name__)

_MOST_NAMED = 20


class PredictionError(ValueError):
    """Some of the images failed; the others are done.

    Attributes:
        done: the files that are written.
    """

    def __init__(self, message: str, done: list[pathlib.Path]) -> None:
        super().__init__(message)
        self.done = done


def sentence(file: OutputFile, error: Exception) -> str:
    """Returns what is said of a file that failed."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return (
            f"{file.input}: the machine has no memory left for it. Set a smaller "
            "memory."
        )
    if isinstance(error, OSError):
        reason = " ".join(str(error.strerror or error).split())
        full = error.errno == errno.ENOSPC
        way_out = "Make room" if full else "Name another folder"
        return (
            f"{file.path}: cannot be written ({reason}). {way_out}, and run again with "
            "resume."
        )
    text = " ".join(str(error).split())
    named = any(str(path) in text for path in (file.input, file.path))
    return text if named else f"{file.input}: {text}"


def summary(failures: list[str], num_files: int) -> str:
    """Returns what is said at the end, of what was said of each failure."""
    if num_files == 1:
        return failures[0]
    shown = " ".join(failures[:_MOST_NAMED])
    more = len(failures) - _MOST_NAMED
    rest = f" And {more} more; they are named above." if more > 0 else ""
    counts = f"{len(failures)} of {num_files} files failed, the others are done"
    return f"{counts}: {shown}{rest}"


def warn_of_unplaced(files: Sequence[OutputFile]) -> None:
    """Says that results of GeoTIFFs are none."""
    if not files:
        return
    if files[0].suffix not in TIFF_SUFFIXES:
        way_out = "Set format tiff to keep it."
    elif not geo.is_available():
        way_out = 'pip install ".[geo]" in a checkout of keras-unet to keep it.'
    else:
        way_out = "It is kept of single images with a reference system."
    logger.warning(
        "%s: the georeference of its image is not kept (%d such files). %s",
        files[0].path,
        len(files),
        way_out,
    )
