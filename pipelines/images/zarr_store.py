"""Zarr and OME-Zarr: folders of chunks, of which windows decode those they touch."""

import itertools
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
import zarr

from pipelines.images.bounded import SEGMENTS, BoundedCache
from pipelines.images.cache import ArrayCache
from pipelines.images.damage import MOST_EMPTY_BYTES, UnreadableImage, reading
from pipelines.images.decoded import windows_or_whole
from pipelines.images.kinds import ZARR_METADATA
from pipelines.images.npy import array_axes
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis
from pipelines.images.windowed import PixelSize, WindowedImage, spans
from pipelines.images.zarr_axes import Description, HoldsImages, described

_KNOWN = BoundedCache(256)
_OPENINGS = itertools.count()


class _Store(NamedTuple):
    array: Any
    axes: str
    pixel_size: PixelSize | None
    named: tuple[StackAxis, ...]
    origin: Origin

    @property
    def sizes(self) -> dict[str, int]:
        return dict(zip(self.axes, self.array.shape, strict=True))

    @property
    def stack(self) -> list[str]:
        return [axis for axis in self.axes if axis not in "yxc"]

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(self.sizes[axis] for axis in self.stack)

    @property
    def num_images(self) -> int:
        return math.prod(self.counts)


def count_images(path: pathlib.Path) -> int:
    """Returns the number of images in a store: of all axes but y, x and c, and groups.

    Raises:
        UnreadableImage: the store cannot be read.
    """
    with reading(str(path), path, "ZARR"):
        return sum(store.num_images for store in _opened(path))


def open_zarr(
    path: pathlib.Path, index: int, name: str, cache: ArrayCache | None
) -> WindowedImage:
    """Opens image `index` of a store; of OME-Zarr its greatest level.

    Args:
        path: the folder.
        index: of the image, counted over groups and all axes but y, x and c.
        name: what messages call the image.
        cache: where stores of large chunks are kept, None for memory.

    Raises:
        UnreadableImage: the store is missing, damaged, or holds no such image.
    """
    with reading(name, path, "ZARR"):
        store, within = _find(_opened(path), index)
        numbers = np.unravel_index(within, store.counts) if store.counts else ()
        image = _ZarrImage(path, store, [int(n) for n in numbers], name)
        return windows_or_whole(
            *(image, path, "ZARR", cache, index),
            segment_bytes=image.chunk_bytes,
            segment_rows=image.chunk_rows,
        )


def _find(stores: list[_Store], index: int) -> tuple[_Store, int]:
    """Returns the array that holds an image, and the number of the image in it."""
    within = index
    for store in stores:
        if within < store.num_images:
            return store, within
        within -= store.num_images
    raise ValueError(f"it holds {index - within} images")


def _opened(path: pathlib.Path) -> list[_Store]:
    """Returns the arrays of a store, one for each of its groups."""
    os.stat(path)
    stores, states = _KNOWN.get(str(path)) or ([], None)
    if states is None or states != _states(path, stores):
        stores = _read(path)
        _KNOWN.put(str(path), (stores, _states(path, stores)), 1)
    return stores


def _read(path: pathlib.Path) -> list[_Store]:
    try:
        node = zarr.open(str(path), mode="r")
    except FileNotFoundError as error:
        raise ValueError("it has none of the files that describe one") from error
    try:
        descriptions = described(node)
    except HoldsImages as error:
        raise UnreadableImage(
            f"{path}: {error}. Name what it holds instead, as {path / error.inner} (in "
            "quotes, if it is a glob)."
        ) from error
    found = [_checked(path, description) for description in descriptions]
    # Of several arrays none has all images of the store.
    return found if len(found) == 1 else [one._replace(named=()) for one in found]


def _checked(path: pathlib.Path, about: Description) -> _Store:
    array, axes = about.array, about.axes or array_axes(about.array.shape).lower()
    store = _Store(array, axes, about.pixel_size, about.stack, about.origin)
    if not {"y", "x"} <= set(store.axes):
        raise ValueError(f"its axes are {store.axes}, without y and x")
    if array.dtype.kind not in "buif":
        raise ValueError(f"expected real numbers, got {array.dtype}")
    # An empty mask has no chunks: only those that differ from 0 are written.
    if array.nbytes > MOST_EMPTY_BYTES and not _has_chunks(path / array.path):
        raise ValueError(f"it promises {array.nbytes} bytes, but holds no chunk")
    return store


def _states(path: pathlib.Path, stores: list[_Store]) -> list[tuple[int, ...]]:
    """Returns what changes when the metadata of a store, its groups or arrays do."""
    arrays = [path / store.array.path for store in stores]
    folders = [folder for array in arrays for folder in (array.parent, array)]
    # A group may be added without a change of the metadata.
    return [(path.stat().st_mtime_ns,), *map(_state, (path, *folders))]


def _state(path: pathlib.Path) -> tuple[int, ...]:
    files = [path / name for name in ZARR_METADATA]
    return tuple(file.stat().st_mtime_ns for file in files if file.is_file())


def _has_chunks(folder: pathlib.Path) -> bool:
    files = (file for _, _, names in os.walk(folder) for file in names)
    return any(file not in ZARR_METADATA for file in files)


class _ZarrImage(WindowedImage):
    def __init__(
        self, path: pathlib.Path, store: _Store, numbers: list[int], name: str
    ) -> None:
        sizes = store.sizes
        chunks = dict(zip(store.axes, store.array.chunks, strict=True))
        self._path, self._store = path, store
        self._fixed = dict(zip(store.stack, numbers, strict=True))
        self._chunk = chunks["y"], chunks["x"]
        # Of this opening: chunks may be written anew before the next.
        self._key = next(_OPENINGS)
        self.name = name
        self.height, self.width = sizes["y"], sizes["x"]
        self.channels = sizes.get("c", 1)
        dtype = store.array.dtype.newbyteorder("=")
        self.dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        self.pixel_size, self.stack = store.pixel_size, store.named
        self.origin = store.origin
        self.chunk_rows = chunks["y"]
        self.chunk_bytes = math.prod(store.array.chunks) * dtype.itemsize

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Decodes the chunks that the window touches."""
        rows, columns = self._chunk
        with reading(self.name, self._path, "ZARR"):
            pixels = np.empty((height, width, self.channels), self.dtype)
            for row, in_rows, of_rows in spans(top, height, rows):
                for column, in_columns, of_columns in spans(left, width, columns):
                    chunk = self._chunk_at(row * rows, column * columns)
                    pixels[in_rows, in_columns] = chunk[of_rows, of_columns]
            return pixels

    def _chunk_at(self, row: int, column: int) -> np.ndarray:
        """Returns (rows, columns, channels), of as many chunks as hold the channels."""
        key = "zarr", self._key, row, column
        chunk = SEGMENTS.get(key)
        if chunk is None:
            ends = (
                min(row + self._chunk[0], self.height),
                min(column + self._chunk[1], self.width),
            )
            places: dict[str, int | slice] = {
                **self._fixed,
                "y": slice(row, ends[0]),
                "x": slice(column, ends[1]),
                "c": slice(None),
            }
            axes = self._store.axes
            chunk = np.asarray(self._store.array[tuple(places[axis] for axis in axes)])
            kept = [axis for axis in axes if axis in "yxc"]
            if "c" not in kept:
                chunk, kept = chunk[..., np.newaxis], [*kept, "c"]
            chunk = chunk.transpose([kept.index(axis) for axis in "yxc"])
            SEGMENTS.put(key, chunk, chunk.nbytes)
        return chunk
