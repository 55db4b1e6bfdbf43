"""JPEG, BMP and WebP files, read by Pillow: the header first, the pixels as a whole."""

import contextlib
import pathlib
import threading
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import PIL.Image

from pipelines.images.cache import ArrayCache
from pipelines.images.damage import check_plausible, reading
from pipelines.images.decoded import decoded_image, fill_by_rows
from pipelines.images.handles import SourceFile
from pipelines.images.kinds import kind_of
from pipelines.images.orientation import of_exif
from pipelines.images.windowed import WindowedImage

# Bytes of pixels for a byte of file, at best. JPEG: a block of 64 values takes at least
# one bit, and colour may be stored at a quarter of the size. BMP: its run-length
# coding writes 255 pixels with two bytes. WebP has no such bound, since one colour
# takes no bits at all, but no WebP is larger than 16383 x 16383.
_MOST_RATIO = {"JPEG": 2048, "BMP": 128}
_CHANNELS = {"1": 1, "L": 1, "P": 3, "RGB": 3, "RGBA": 4}
_MODES = {
    "JPEG": ("L", "RGB"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "WEBP": ("RGB", "RGBA"),
}

_PILLOW_SETTINGS = threading.Lock()


def open_by_pillow(
    path: pathlib.Path, name: str, cache: ArrayCache | None, *, as_mask: bool
) -> WindowedImage:
    """Opens a JPEG, BMP or WebP by its suffix; reads its header only.

    Args:
        path: the file.
        name: what messages call the image.
        cache: where the pixels are kept, None for memory.
        as_mask: palettes stay indices instead of becoming colours.

    Raises:
        UnreadableImage: the file is missing, damaged, or of another kind.
    """
    kind = kind_of(path).value
    with reading(name, path, kind):
        source = SourceFile(path)
        with opened_by_pillow(path, kind) as image:
            mode, (width, height) = image.mode, image.size
            shown = of_exif(image.getexif)
            # All its coefficients are held, of two bytes each.
            coefficient_bytes = 2 if "progressive" in image.info else 0
            # Cameras put previews behind a JPEG: the photograph is the first.
            frames = 1 if kind == "JPEG" else getattr(image, "n_frames", 1)
        if kind == "BMP" and mode == "1" and _bits_of_bmp(path) != 1:
            # Pillow takes the bytes of such a palette for bits.
            raise ValueError("it has a palette of two greys; save it as PNG")
        if mode not in _MODES[kind]:
            raise ValueError(
                f"its colours are {mode}, not grey or RGB; convert it to RGB"
            )
        if frames > 1:
            raise ValueError(f"it is an animation of {frames} frames")
        channels = 1 if as_mask and mode == "P" else _CHANNELS[mode]
        shape = height, width, channels
        if kind in _MOST_RATIO:
            stored = height * width * (1 if mode == "P" else channels)
            # A BMP of one bit has eight pixels in a byte.
            stored = stored // 8 if kind == "BMP" else stored
            check_plausible(stored, source.state.size, _MOST_RATIO[kind])

        def fill(array: np.ndarray) -> None:
            with opened_by_pillow(path, kind) as image:
                fill_by_rows(array, rows_of(image, as_mask=as_mask))

        dtype = np.dtype(np.uint8)
        # Pillow keeps a colour in four bytes, with alpha or not; of WebP four copies.
        pixel_bytes = 1 if mode in ("1", "L", "P") else 4
        pixel_bytes *= 4 if kind == "WEBP" else 1
        pixel_bytes += coefficient_bytes * channels
        found = decoded_image(
            *(source, kind, name, shape, dtype, fill, cache, as_mask),
            decoding_bytes=height * width * pixel_bytes,
        )
        found.has_alpha, found.orientation = channels == 4, shown
        return found


def rows_of(
    image: PIL.Image.Image, *, as_mask: bool = True
) -> Callable[[int, int], np.ndarray]:
    """Returns what reads some rows, uint8 (rows, width, channels), for `fill_by_rows`.

    Args:
        image: of Pillow, which decodes all of it at the first rows.
        as_mask: palettes stay indices instead of becoming colours.
    """

    def read(top: int, rows: int) -> np.ndarray:
        part = image.crop((0, top, image.width, top + rows))
        if part.mode == "P" and not as_mask:
            part = part.convert("RGB")
        elif part.mode == "1":
            part = part.convert("L")
        return np.asarray(part).reshape(rows, image.width, -1)

    return read


def _bits_of_bmp(path: pathlib.Path) -> int:
    """Returns the bits of a pixel, from the header."""
    with path.open("rb") as file:
        head = file.read(30)
    # Of the oldest headers, of 12 bytes, it is found four bytes before.
    start = 24 if head[14:18] == b"\x0c\0\0\0" else 28
    return int.from_bytes(head[start : start + 2], "little")


@contextlib.contextmanager
def opened_by_pillow(path: pathlib.Path, kind: str) -> Iterator[PIL.Image.Image]:
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
