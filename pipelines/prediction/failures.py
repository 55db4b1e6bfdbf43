"""What is said when a prediction fails, or loses something."""

import logging
import pathlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from pipelines.dataset.no_data import NoData
from pipelines.images import geo
from pipelines.images.kinds import TIFF_SUFFIXES
from pipelines.images.orientation import AS_STORED
from pipelines.prediction.prediction_files import OutputFile
from pipelines.results.file_failures import sentence

logger = logging.getLogger(__name__)


def prediction_sentence(file: OutputFile, error: Exception) -> str:
    """Returns what is said of a file that failed."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return (
            f"{file.input}: the machine has no memory left for it. Set a smaller "
            "memory."
        )
    return sentence(file.input, file.path, error)


def warn_of_unplaced(files: Sequence[OutputFile]) -> None:
    """Says that results of GeoTIFFs are none."""
    if not files:
        return
    if files[0].suffix not in TIFF_SUFFIXES:
        way_out = "Set format tiff to keep it."
    elif not geo.is_available():
        way_out = 'pip install ".[geo]" in a clone of keras-unet to keep it.'
    else:
        way_out = "It is kept of single images with a reference system."
    logger.warning(
        "%s: the georeference of its image is not kept (%d such files). %s",
        files[0].path,
        len(files),
        way_out,
    )


def warn_of_unsized(files: Sequence[OutputFile]) -> None:
    """Says that results of images with a pixel size have none."""
    if files:
        logger.warning(
            "%s: the pixel size of its image is not kept, as PNG has none (%d such "
            "files). Set format tiff or zarr to keep it.",
            files[0].path,
            len(files),
        )


def warn_of_orientation(shown: Mapping[pathlib.Path, int]) -> None:
    """Says that images which viewers turn or mirror are read as they are stored.

    Args:
        shown: the EXIF orientation of each file.
    """
    turned = [path for path, number in shown.items() if number != AS_STORED]
    if turned:
        logger.warning(
            "%s: is to be shown turned or mirrored (EXIF orientation %d), but is read "
            "and written as it is stored (%d such images). If the run has learned from "
            "upright images, turn it and save it anew (PIL.ImageOps.exif_transpose).",
            turned[0],
            shown[turned[0]],
            len(turned),
        )


def warn_of_lost_digits(found: Sequence[str]) -> None:
    """Says that float32 cannot hold the differences of pixels.

    Args:
        found: what is to be said of each image, or page of a stack.
    """
    if found:
        logger.warning("%s (%d such images)", found[0], len(found))


def warn_of_no_data(found: Sequence[NoData]) -> None:
    """Says that pixels of which nothing is known have changed all the others."""
    if not found:
        return
    first = found[0]
    logger.warning(
        "%s: %.2g %% of its pixels are %s, and count in its mean and standard "
        "deviation like any other, so that the others are scaled wrongly (%d such "
        "images). Fill them with a value from within the range, or cut the image.",
        first.name,
        100 * first.share,
        first.kind,
        len(found),
    )
