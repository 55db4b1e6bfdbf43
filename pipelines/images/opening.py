"""Any image file as a windowed image."""

import os

from pipelines.images import bio, masks, npy, zarr_store
from pipelines.images.cache import ArrayCache, file_key
from pipelines.images.damage import UnreadableImage, reading
from pipelines.images.finding import ImageEntry
from pipelines.images.kinds import Kind, kind_of
from pipelines.images.pillow_files import open_by_pillow
from pipelines.images.png import open_png
from pipelines.images.tiff.image import open_tiff
from pipelines.images.windowed import WindowedImage


def open_image(entry: ImageEntry, cache: ArrayCache | None = None) -> WindowedImage:
    """Opens an image: windows hold values as in the file, palettes as colours.

    Only headers are read here. Formats without windows are decoded as a whole when a
    window is first read.

    Args:
        entry: which image.
        cache: where formats that are not read in parts are decoded to, once; without
            one they are decoded into memory.

    Raises:
        ValueError: the file is missing, damaged, not numeric, or has no pixels; names
            the file.
    """
    return _open(entry, cache, as_mask=False)


def open_mask(entry: ImageEntry, cache: ArrayCache | None = None) -> WindowedImage:
    """Opens a mask: windows hold integers, the index where the file has a palette.

    One channel, or the three of a mask in colour: of those, and of masks that write
    grey as three equal colours, all pixels are read here, once.

    Args:
        entry: which mask.
        cache: as in `open_image`.

    Raises:
        ValueError: the file cannot be read, has other channels, or holds other numbers
            than whole ones (these are found when their window is read); names the
            file.
    """
    image = _open(entry, cache, as_mask=True)
    # Of one channel nothing is looked up; a Zarr store's key takes a walk through it.
    several = image.channels - image.has_alpha > 1
    key = file_key(entry.path, entry.page) if several else None
    return masks.as_mask(image, key)


def _open(
    entry: ImageEntry, cache: ArrayCache | None, *, as_mask: bool
) -> WindowedImage:
    path, name, index = entry.path, entry.name, entry.page or 0
    kind = kind_of(path)
    with reading(name, path, kind.value):
        os.stat(path)
    if kind is Kind.TIFF:
        image = open_tiff(path, index, name, cache, as_mask=as_mask)
    elif kind is Kind.PNG:
        image = open_png(path, name, cache, as_mask=as_mask)
    elif kind in (Kind.JPEG, Kind.BMP, Kind.WEBP):
        image = open_by_pillow(path, name, cache, as_mask=as_mask)
    elif kind is Kind.NPY:
        image = npy.open_npy(path, index, name)
    elif kind is Kind.ZARR:
        image = zarr_store.open_zarr(path, index, name, cache)
    else:
        image = bio.open_bio(path, index, name, cache)
    return _checked(image)


def _checked(image: WindowedImage) -> WindowedImage:
    if image.dtype.kind not in "uif":
        raise UnreadableImage(
            f"{image.name}: expected real numbers (height, width, channels), got "
            f"{image.dtype}. Convert the image."
        )
    shape = image.height, image.width, image.channels
    if 0 in shape:
        raise UnreadableImage(f"{image.name}: the image has no pixels {shape}.")
    return image
