"""Image files as arrays.

Pixel values come as they are in the file: nothing is scaled here. Palettes become
colours in images and stay indices in masks; files of 1, 2 and 4 bits become uint8.
"""

import pathlib

import imagecodecs
import numpy as np
import PIL.Image
import tifffile

from pipelines.images.finding import TIFF_SUFFIXES, ImageEntry, find_images, num_images

__all__ = ["ImageEntry", "find_images", "match_channels", "read_image", "read_mask"]


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
        ValueError: the file cannot be read, is in colour, or holds fractions.
    """
    mask = _checked(_decode(entry, palette_indices=True), entry)
    if mask.shape[2] in (2, 4):
        mask = mask[..., :-1]
    if not (mask == mask[..., :1]).all():
        raise ValueError(
            f"{entry.name}: a mask must have one channel, got {mask.shape[2]} that "
            "differ. Write class or instance ids into a grey or palette image."
        )
    mask = mask[..., 0]
    if not np.issubdtype(mask.dtype, np.integer):
        whole = np.round(np.nan_to_num(mask, posinf=0.5, neginf=0.5))
        if not (whole == mask).all():
            raise ValueError(
                f"{entry.name}: mask values must be whole numbers, got fractions "
                f"({mask.dtype}). Round or threshold the mask."
            )
        mask = whole.astype(np.int64)
    return mask


def match_channels(
    image: np.ndarray, channels: int, entry: ImageEntry | None = None
) -> np.ndarray:
    """Drops an alpha channel that the model does not take.

    The exported graph has the same rule: 2 channels serve where 1 is expected, and 4
    where 3 are; anything else must fit.

    Args:
        image: (height, width, channels of the file).
        channels: what the model takes.
        entry: where the image is from, for the message.

    Raises:
        ValueError: the image has other channels than the model takes.
    """
    found = image.shape[-1]
    if found == channels:
        return image
    if (found, channels) in ((2, 1), (4, 3)):
        return image[..., :channels]
    name = entry.name if entry else "the image"
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


def _decode(entry: ImageEntry, *, palette_indices: bool) -> np.ndarray:
    suffix = entry.path.suffix.lower()
    try:
        if suffix in TIFF_SUFFIXES:
            return _decode_tiff(entry)
        if suffix == ".png":
            image = _decode_png(entry.path, palette_indices)
        else:
            image = _decode_jpeg(entry.path)
    except FileNotFoundError as error:
        raise ValueError(f"{entry.name}: the file does not exist.") from error
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
        with PIL.Image.open(path) as image:
            if image.mode == "P":
                return np.asarray(image)
    # Not Pillow: it cuts 16-bit colour to 8 bits.
    return imagecodecs.png_decode(data)


def _decode_jpeg(path: pathlib.Path) -> np.ndarray:
    with PIL.Image.open(path) as image:
        if image.mode not in ("L", "RGB"):
            raise ValueError(f"its colours are {image.mode}, not grey or RGB")
        return np.asarray(image)


def _decode_tiff(entry: ImageEntry) -> np.ndarray:
    with tifffile.TiffFile(entry.path) as tiff:
        series = tiff.series[0]
        if not {"Y", "X"} <= set(series.axes):
            raise ValueError(f"its axes are {series.axes}, without height and width")
        if entry.page is not None and len(series.pages) == num_images(series):
            # One page is read, not the whole stack.
            page = series.pages[entry.page]
            return _channels_last(page.asarray(), page.axes)[0]
        return _channels_last(series.asarray(), series.axes)[entry.page or 0]


def _channels_last(stack: np.ndarray, axes: str) -> np.ndarray:
    """Returns (images, height, width, channels), be channels samples or planes."""
    stack_axes = [axis for axis in axes if axis not in "YXSC"]
    order = [*stack_axes, "Y", "X", *(axis for axis in axes if axis in "SC")]
    stack = np.transpose(stack, [axes.index(axis) for axis in order])
    height, width, *channels = stack.shape[len(stack_axes) :]
    return stack.reshape(-1, height, width, int(np.prod(channels)))
