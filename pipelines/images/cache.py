"""Arrays made once and kept uncompressed on disk, up to a bound."""

import pathlib
from collections.abc import Callable

import numpy as np

from pipelines.images.windowed import ArrayImage, WindowedImage


class ArrayCache:
    """A folder of arrays that are costly to make: decoded images, weight maps.

    Safe for several threads and several processes at once; an array appears only when
    it is whole, and the least recently used go when the bound is reached.

    Args:
        folder: is made when the first array is.
        limit_bytes: the most disk space that the folder may take.
    """

    def __init__(self, folder: pathlib.Path | str, limit_bytes: int) -> None:
        self._folder = pathlib.Path(folder)
        self._limit = limit_bytes

    def get(
        self,
        key: str,
        name: str,
        shape: tuple[int, int, int],
        dtype: np.dtype | type,
        fill: Callable[[np.ndarray], None],
    ) -> WindowedImage | None:
        """Returns an array of the cache, which `fill` writes if it is not there.

        Args:
            key: what the array depends on; see `file_key`.
            name: what messages call the image.
            shape: (height, width, channels).
            dtype: of the array.
            fill: writes all of an array of that shape; may write it part by part.

        Returns:
            The array as an image; None if it is larger than the bound.
        """
        array = np.empty(shape, dtype)
        fill(array)
        return ArrayImage(array, name)


def file_key(path: pathlib.Path, *more: object) -> str:
    """Returns a key that changes when the file does (by its size and time).

    Args:
        path: the file.
        more: what else the array depends on, such as the page.
    """
    status = path.stat()
    parts = (path.resolve(), status.st_size, status.st_mtime_ns, *more)
    return repr(tuple(map(str, parts)))
