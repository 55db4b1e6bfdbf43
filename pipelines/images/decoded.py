"""Images of formats without windows: decoded as a whole, once, when first read."""

import pathlib
import threading
from collections.abc import Callable

import numpy as np

from pipelines.images.cache import ArrayCache, file_key
from pipelines.images.cache_folder import release_pages
from pipelines.images.damage import reading, too_large_for_memory
from pipelines.images.handles import SourceFile
from pipelines.images.windowed import BLOCK_BYTES, WindowedImage

# Decoding more than this for every window is slower than decoding all once.
LARGE_SEGMENT = 4 * 2**20
# Larger segments are not kept from one window to the next, and of larger images
# windows are decoded again and again rather than the whole into memory.
_MOST_KEPT = 64 * 2**20


class MemoryImage(WindowedImage):
    """An image that is decoded into memory at its first window.

    Args:
        name: what messages call the image.
        shape: (height, width, channels).
        dtype: of the pixels.
        fill: writes all pixels into an array of that shape.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int],
        dtype: np.dtype,
        fill: Callable[[np.ndarray], None],
    ) -> None:
        self.name, self.dtype = name, dtype
        self.height, self.width, self.channels = shape
        self._fill = fill
        self._lock = threading.Lock()
        self._pixels: np.ndarray | None = None

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Returns a view."""
        with self._lock:
            if self._pixels is None:
                shape = (self.height, self.width, self.channels)
                try:
                    pixels = np.empty(shape, self.dtype)
                except MemoryError as error:
                    raise too_large_for_memory(self.name) from error
                self._fill(pixels)
                self._pixels = pixels
            pixels = self._pixels
        return pixels[top : top + height, left : left + width]

    def close(self) -> None:
        """Gives back the memory."""
        self._pixels = None


def decoded_image(
    source: SourceFile,
    kind: str,
    name: str,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    fill: Callable[[np.ndarray], None],
    cache: ArrayCache | None,
    *more_key: object,
    decoding_bytes: int = 0,
) -> WindowedImage:
    """Returns an image that is decoded into the cache, or memory, at its first window.

    Args:
        source: the file, as it was before its header was read.
        kind: of the file, such as "PNG".
        name: what messages call the image.
        shape: (height, width, channels).
        dtype: of the pixels.
        fill: decodes into an array of that shape; may raise anything.
        cache: None for memory.
        more_key: what else the pixels depend on.
        decoding_bytes: of memory that `fill` takes beside a mapped array.
    """
    path = source.path

    def checked_fill(array: np.ndarray) -> None:
        with reading(name, path, kind):
            source.check_unchanged()
            fill(array)
            source.check_unchanged()

    found = None
    if cache is not None:
        key = file_key(path, "pixels", *more_key)
        found = cache.get(key, name, shape, dtype, checked_fill)
        if found is not None:
            found.decoding_bytes = decoding_bytes
    return found or MemoryImage(name, shape, dtype, checked_fill)


def windows_or_whole(
    windows: WindowedImage,
    path: pathlib.Path,
    kind: str,
    cache: ArrayCache | None,
    *more_key: object,
    segment_bytes: float,
    segment_rows: int,
) -> WindowedImage:
    """Returns how an image is best read: by windows, or all of it at its first window.

    Args:
        windows: decodes what each window touches.
        path: the file.
        kind: as of `decoded_image`.
        cache: None for memory.
        more_key: what else the pixels depend on.
        segment_bytes: of one tile, strip or chunk.
        segment_rows: of one, so that each is decoded once.
    """
    if segment_bytes <= LARGE_SEGMENT:
        return windows
    # As it is decoded, and put into its place.
    windows.decoding_bytes = 2 * int(min(segment_bytes, windows.num_bytes))

    def fill(array: np.ndarray) -> None:
        with windows:
            fill_by_rows(
                array,
                lambda top, rows: windows.window(top, 0, rows, windows.width),
                segment_rows,
            )

    whole = decoded_image(
        SourceFile(path),
        kind,
        windows.name,
        (windows.height, windows.width, windows.channels),
        windows.dtype,
        fill,
        cache,
        *more_key,
        decoding_bytes=windows.decoding_bytes,
    )
    in_memory = isinstance(whole, MemoryImage)
    if in_memory and windows.num_bytes > _MOST_KEPT >= segment_bytes:
        return windows
    whole.pixel_size, whole.stack = windows.pixel_size, windows.stack
    whole.origin = windows.origin
    return whole


def fill_by_rows(
    array: np.ndarray, read: Callable[[int, int], np.ndarray], rows: int | None = None
) -> None:
    """Writes an array, mapped or not, some rows at a time, which leave the memory.

    Args:
        array: (height, width, channels).
        read: from the first row and the number of rows to their pixels.
        rows: at a time; by default about BLOCK_BYTES of them.
    """
    height = len(array)
    rows = rows or max(1, BLOCK_BYTES * height // array.nbytes)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        array[top : top + count] = read(top, count)
        release_pages(array)
