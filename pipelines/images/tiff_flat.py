"""Images of a TIFF that lie one after the other without pages of their own.

ImageJ writes stacks of more than 4 GB so: one page, then all pixels.
"""

from typing import Any

import numpy as np

from pipelines.images.flat import FlatArray


def flat_images(series: Any, file_bytes: int) -> list[FlatArray] | None:
    """Returns where each image lies, None if they do not lie one after the other.

    Args:
        series: of tifffile.
        file_bytes: of its file.

    Raises:
        ValueError: the file ends before the pixels.
    """
    if series.is_multifile or series.transform is not None:
        return None
    sizes = dict(zip(series.axes, series.shape, strict=True))
    many_channels = [axis for axis in "SC" if sizes.get(axis, 1) > 1]
    if series.dataoffset is None or len(many_channels) > 1:
        return None
    dtype = np.dtype(series.dtype)
    strides, step = {}, dtype.itemsize
    for axis in reversed(series.axes):
        strides[axis] = step
        step *= sizes[axis]
    if series.dataoffset + step > file_bytes:
        raise ValueError(
            f"its pixels should end at byte {series.dataoffset + step}, but it has "
            f"{file_bytes}"
        )
    channel = (many_channels or ["none"])[0]
    stack = [axis for axis in series.axes if axis not in "YXSC"]
    found = []
    for index in np.ndindex(*(sizes[axis] for axis in stack)):
        steps = zip(index, stack, strict=True)
        found.append(
            FlatArray(
                series.dataoffset + sum(n * strides[axis] for n, axis in steps),
                (sizes["Y"], sizes["X"], sizes.get(channel, 1)),
                (strides["Y"], strides["X"], strides.get(channel, dtype.itemsize)),
                dtype.newbyteorder(series.parent.byteorder),
            )
        )
    return found
