"""Image files as arrays.

Pixel values come as they are in the file: nothing is scaled here. Palettes become
colours in images and stay indices in masks; files of 1, 2 and 4 bits become uint8.
"""

import contextlib
import pathlib
import threading
import warnings
from collections.abc import Iterator

import imagecodecs
import numpy as np
import PIL.Image

from pipelines.images import tiff
from pipelines.images.finding import TIFF_SUFFIXES, ImageEntry

_PILLOW_SETTINGS = threading.Lock()


def read_image(entry: ImageEntry) -> np.ndarray:
    """Reads one image.

    Returns:
        (height, width, channels) in the file's own type of number; channels as in the
        file, so 1 for grey, 2 for grey and alpha, 3 for colour, 4 with alpha.

    Raises:
        ValueError: the file is missing, damaged, not numeric, or has no pixels; names
            the file.
    """
    return _checked(_decode(entry, palette_indices=False), entry)


def read_mask(entry: ImageEntry) -> np.ndarray:
    """Reads one mask.

    Returns:
        (height, width) of integers as in the file; the index where the file has a
        palette.

    Raises:
        ValueError: the file cannot be read, is in colour, or holds other numbers
            than whole ones; names the file.
    """
    mask = _checked(_decode(entry, palette_indices=True), entry)
    if mask.shape[2] in (2, 4) and entry.path.suffix.lower() == ".png":
        mask = mask[..., :-1]
    if mask.shape[2] > 1 and not (mask == mask[..., :1]).all():
        raise ValueError(
            f"{entry.name}: a mask must have one channel, got {mask.shape[2]} that "
            "differ. Write class or instance ids into a grey or palette image."
        )
    mask = mask[..., 0]
    return mask if mask.dtype.kind in "ui" else _whole_numbers(mask, entry)


def match_channels(
    image: np.ndarray, channels: int, name: str = "the image"
) -> np.ndarray:
    """Drops an alpha channel that the model does not take.

    The exported graph has the same rule: 2 channels serve where 1 is expected, and 4
    where 3 are; anything else must fit.

    Args:
        image: (height, width, channels of the file).
        channels: what the model takes.
        name: what the message calls it.

    Raises:
        ValueError: the image has other channels than the model takes.
    """
    found = image.shape[-1]
    if found == channels:
        return image
    if (found, channels) in ((2, 1), (4, 3)):
        return image[..., :channels]
    raise ValueError(
        f"{name}: {channels} channels expected, got {found}. Convert the image, or "
        "train on images like it."
    )


def _checked(image: np.ndarray, entry: ImageEntry) -> np.ndarray:
    if image.dtype == bool:
        image = image.astype(np.uint8)
    if image.dtype.kind not in "uif" or image.ndim != 3:
        raise ValueError(
            f"{entry.name}: expected real numbers (height, width, channels), got "
            f"{image.dtype} of shape {image.shape}. Convert the image."
        )
    if 0 in image.shape:
        raise ValueError(f"{entry.name}: the image has no pixels {image.shape}.")
    return image


def _whole_numbers(mask: np.ndarray, entry: ImageEntry) -> np.ndarray:
    # From 2**53 on floats leave out whole numbers. NaN passes no comparison.
    whole = (np.abs(mask.astype(np.float64)) < 2**53) & (np.floor(mask) == mask)
    if not whole.all():
        raise ValueError(
            f"{entry.name}: mask values must be whole numbers, got {mask[~whole][0]} "
            f"({mask.dtype}). Round or threshold the mask."
        )
    return mask.astype(np.int64)


def _decode(entry: ImageEntry, *, palette_indices: bool) -> np.ndarray:
    suffix = entry.path.suffix.lower()
    try:
        if suffix in TIFF_SUFFIXES:
            return tiff.decode(
                entry.path, entry.page or 0, palette_indices=palette_indices
            )
        if suffix == ".png":
            image = _decode_png(entry.path, palette_indices)
        else:
            image = _decode_jpeg(entry.path)
    except FileNotFoundError as error:
        raise ValueError(
            f"{entry.name}: the file does not exist. Name another, or restore it."
        ) from error
    # The decoders raise errors of many kinds on damaged files.
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise ValueError(
            f"{entry.name}: cannot be read as {suffix[1:].upper()} ({reason}). "
            "Replace or remove the file."
        ) from error
    return image if image.ndim == 3 else image[..., None]


def _decode_png(path: pathlib.Path, palette_indices: bool) -> np.ndarray:
    data = path.read_bytes()
    if palette_indices:
        with _opened_by_pillow(path, "PNG") as image:
            if image.mode == "P":
                return np.asarray(image)
    # Not Pillow: it cuts 16-bit colour to 8 bits.
    return imagecodecs.png_decode(data)


def _decode_jpeg(path: pathlib.Path) -> np.ndarray:
    with _opened_by_pillow(path, "JPEG") as image:
        if image.mode not in ("L", "RGB"):
            raise ValueError(f"its colours are {image.mode}, not grey or RGB")
        return np.asarray(image)


@contextlib.contextmanager
def _opened_by_pillow(path: pathlib.Path, kind: str) -> Iterator[PIL.Image.Image]:
    """Opens a file of one kind, however large, without warnings of its metadata."""
    with _PILLOW_SETTINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Pillow takes images of more than 179 million pixels for an attack; slides
        # and mosaics are larger, and it is the user who names the files.
        limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            image = PIL.Image.open(path, formats=(kind,))
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image
