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


def check_whole(tiff: Any, file_bytes: int) -> None:
    """Checks that a file of ImageJ with one page does not break off.

    Of a stack that does, tifffile takes the page for all.

    Args:
        tiff: an open file whose one page has notes of ImageJ.
        file_bytes: of the file.

    Raises:
        ValueError: it has some, but not all of the images that its notes promise.
    """
    promised = int((tiff.imagej_metadata or {}).get("images", 1))
    page = tiff.pages.first
    start = page.dataoffsets[0] if page.dataoffsets else 0
    # A page alone may have the notes of the stack that it is from.
    has_second = start + 2 * page.nbytes <= file_bytes
    if has_second and start + promised * page.nbytes > file_bytes:
        raise ValueError(
            f"its notes promise {promised} images, more than its bytes hold: it breaks "
            "off"
        )
