"""PNG files from windows, for images small enough to be held whole."""

import pathlib

import numpy as np

from pipelines.results.layout import ImageLayout, ImageToWrite, row_bands
from pipelines.results.writing import encode_png

# The array and its PNG are held at once; what is larger goes into a TIFF.
MOST_PIXELS = 64 * 10**6


def png_holds(layout: ImageLayout) -> bool:
    """Tells whether an image can be written as PNG, and is small enough."""
    small = layout.height * layout.width <= MOST_PIXELS
    return small and layout.dtype in (np.uint8, np.uint16) and layout.channels <= 4


def write_png(path: pathlib.Path, image: ImageToWrite) -> None:
    """Writes an image as PNG.

    Raises:
        OSError: the file cannot be written.
    """
    (pixels,) = row_bands(image, image.layout.height)
    path.write_bytes(encode_png(pixels))
