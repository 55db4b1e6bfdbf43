"""Microscope files of other kinds, read by bioio (the extra `bio`)."""

import functools
import logging
import math
import os
import pathlib
import threading
from typing import Any

import numpy as np

from pipelines.images.cache import ArrayCache
from pipelines.images.damage import UnreadableImage, reading
from pipelines.images.decoded import windows_or_whole
from pipelines.images.kinds import SUFFIXES
from pipelines.images.length_units import MICRON
from pipelines.images.ome_xml import OmeImage, ome_images
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis, made_axis, named_stack
from pipelines.images.windowed import WindowedImage, made_size

_logger = logging.getLogger(__name__)

_KIND = "microscope file"
# bioio's images have a state, the scene.
_LOCK = threading.RLock()


def count_images(path: pathlib.Path) -> int:
    """Returns the number of images in a file: of scenes, times and depths.

    Raises:
        UnreadableImage: bioio or a reader for the file is not installed, or the file
            cannot be read.
    """
    with _LOCK, reading(str(path), path, _KIND):
        return len(_places(_opened(path)))


def open_bio(
    path: pathlib.Path, index: int, name: str, cache: ArrayCache | None
) -> WindowedImage:
    """Opens image `index` of a file.

    Args:
        path: the file.
        index: of the image, counted over scenes, times and depths.
        name: what messages call the image.
        cache: where files are kept whose reader has no windows, None for memory.

    Raises:
        UnreadableImage: as in `count_images`, or the file holds no such image.
    """
    with _LOCK, reading(name, path, _KIND):
        places = _places(_opened(path))
        if index >= len(places):
            raise ValueError(f"it holds {len(places)} images")
        image = _BioImage(path, places[index], name)
        image.stack = _stack(_opened(path))
        image.origin = _origins(path, *_state(path))[index]
        return windows_or_whole(
            *(image, path, _KIND, cache, "bio", index),
            segment_bytes=0 if image.has_windows else math.inf,
            segment_rows=image.height,
        )


class _BioImage(WindowedImage):
    def __init__(
        self, path: pathlib.Path, place: tuple[int, int, int], name: str
    ) -> None:
        self._path, self._place = path, place
        data = self._data()
        self.name = name
        self.height, self.width = data.shape[:2]
        self.channels = int(np.prod(data.shape[2:]))
        self.dtype = np.dtype(data.dtype).newbyteorder("=")
        if self.dtype == bool:
            self.dtype = np.dtype(np.uint8)
        self.has_windows = data.chunks[0][0] < self.height
        sizes = _opened(path).physical_pixel_sizes
        self.pixel_size = made_size(sizes.Y, sizes.X, MICRON)

    def window(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Decodes the parts that the window touches."""
        with _LOCK, reading(self.name, self._path, _KIND):
            part = self._data()[top : top + height, left : left + width]
            pixels = part.compute(scheduler="synchronous")
            shape = height, width, self.channels
            return pixels.reshape(shape).astype(self.dtype, copy=False)

    def _data(self) -> Any:
        """Returns a lazy array (height, width, channels[, samples])."""
        image = _opened(self._path)
        scene, time, depth = self._place
        image.set_scene(scene)
        order = "YXCS" if "S" in image.dims.order else "YXC"
        return image.get_image_dask_data(order, T=time, Z=depth)


def _places(image: Any) -> list[tuple[int, int, int]]:
    """Lists (scene, time, depth) of each image."""
    found = []
    for scene in range(len(image.scenes)):
        image.set_scene(scene)
        found += [
            (scene, time, depth)
            for time in range(image.dims.T)
            for depth in range(image.dims.Z)
        ]
    return found


def _stack(image: Any) -> tuple[StackAxis, ...]:
    """Returns time and depth of a file of one scene."""
    if len(image.scenes) > 1:
        return ()
    depth = made_axis("z", image.dims.Z, image.physical_pixel_sizes.Z, MICRON)
    return named_stack([StackAxis("t", image.dims.T), depth])


@functools.lru_cache(maxsize=8)
def _origins(path: pathlib.Path, *state: int) -> list[Origin]:
    """Returns what is known of each image: in a file of one scene, of its stack."""
    file = _opened_once(path, *state)
    places, images = _places(file), _ome_images(file, path)
    if len(images) != len(file.scenes):
        return [Origin()] * len(places)
    if len(images) == 1:
        return [images[0].origin(place[1:] for place in places)] * len(places)
    return [images[scene].origin([(time, depth)]) for scene, time, depth in places]


def _ome_images(file: Any, path: pathlib.Path) -> list[OmeImage]:
    """Returns what a plug-in says in the words of OME; nothing if it does not."""
    try:
        return ome_images(file.ome_metadata.to_xml())
    # Of many kinds; the pixels are read all the same.
    except Exception as error:
        _logger.debug("%s: has no OME metadata (%s).", path, error)
        return []


def _opened(path: pathlib.Path) -> Any:
    return _opened_once(path, *_state(path))


def _state(path: pathlib.Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=8)
def _opened_once(path: pathlib.Path, *_state: int) -> Any:
    try:
        import bioio
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise UnreadableImage(
            f"{path}: files of this kind are not read; expected one of "
            f"{', '.join(SUFFIXES)}. For microscope files run pip install "
            "'.[bio]' in a clone of keras-unet and bioio's plug-in for them; else "
            "name images only, or convert it."
        ) from error
    try:
        return bioio.BioImage(path)
    except UnsupportedFileFormatError as error:
        raise UnreadableImage(
            f"{path}: files of this kind are not read; expected one of "
            f"{', '.join(SUFFIXES)}, or one that a plug-in of bioio reads (for .czi: "
            "bioio-czi). Name images only, or convert it."
        ) from error
