"""NumPy's .npy files: only the bytes of a window are read."""

import math
import pathlib

import numpy as np

from pipelines.images.damage import reading
from pipelines.images.flat import FlatArray, FlatImage
from pipelines.images.handles import SourceFile
from pipelines.images.windowed import WindowedImage

# A last axis that is longer is the width of a grey image, not its channels.
MOST_CHANNELS = 16


def array_axes(shape: tuple[int, ...]) -> str:
    """Returns the meaning of the axes of an array that does not say it: of "NYXC".

    (height, width), (height, width, up to 16 channels), (images, height, width) where
    the last axis is longer, (images, height, width, channels).

    Raises:
        ValueError: the array has another number of axes.
    """
    if len(shape) == 3:
        return "YXC" if shape[2] <= MOST_CHANNELS else "NYX"
    if len(shape) not in (2, 4):
        raise ValueError(f"an image has 2 to 4 axes, got {len(shape)} {shape}")
    return "YX" if len(shape) == 2 else "NYXC"


def count_images(path: pathlib.Path) -> int:
    """Returns the number of images in a file.

    Raises:
        UnreadableImage: the file cannot be read.
    """
    with reading(str(path), path, "NPY"):
        shape = _read_header(path)[1]
        if 0 in shape:
            raise ValueError(f"it holds no pixels, its shape is {shape}")
        return shape[0] if array_axes(shape)[0] == "N" else 1


def open_npy(path: pathlib.Path, index: int, name: str) -> WindowedImage:
    """Opens image `index` of a file.

    Raises:
        UnreadableImage: the file is missing, damaged, or holds no images.
    """
    with reading(name, path, "NPY"):
        source = SourceFile(path)
        offset, shape, fortran, dtype = _read_header(path)
        if dtype.kind not in "buif":
            raise ValueError(f"expected real numbers, got {dtype}")
        axes = array_axes(shape)
        if 0 in shape or math.prod(shape) * dtype.itemsize + offset > source.state.size:
            raise ValueError(
                f"it should hold {dtype} of shape {shape}, but has {source.state.size} "
                "bytes"
            )
        sizes = dict(zip(axes, shape, strict=True))
        strides = dict(zip(axes, _strides(shape, fortran, dtype), strict=True))
        if index >= sizes.get("N", 1):
            raise ValueError(f"it holds {sizes.get('N', 1)} images")
        flat = FlatArray(
            offset + index * strides.get("N", 0),
            (sizes["Y"], sizes["X"], sizes.get("C", 1)),
            (strides["Y"], strides["X"], strides.get("C", dtype.itemsize)),
            dtype,
        )
        return FlatImage(source, flat, name, "NPY")


def _strides(shape: tuple[int, ...], fortran: bool, dtype: np.dtype) -> list[int]:
    ends = range(len(shape))
    if fortran:
        return [math.prod(shape[:axis]) * dtype.itemsize for axis in ends]
    return [math.prod(shape[axis + 1 :]) * dtype.itemsize for axis in ends]


def _read_header(path: pathlib.Path) -> tuple[int, tuple[int, ...], bool, np.dtype]:
    """Returns (offset of the numbers, shape, whether columns come first, dtype)."""
    with open(path, "rb") as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            about = np.lib.format.read_array_header_1_0(file)
        else:
            about = np.lib.format.read_array_header_2_0(file)
        shape, fortran, dtype = about
        return file.tell(), shape, fortran, dtype
