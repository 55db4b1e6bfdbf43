"""Any image file as a windowed image."""

from pipelines.images.cache import ArrayCache
from pipelines.images.finding import ImageEntry
from pipelines.images.reading import read_image, read_mask
from pipelines.images.windowed import ArrayImage, WindowedImage


def open_image(entry: ImageEntry, cache: ArrayCache | None = None) -> WindowedImage:
    """Opens an image: windows hold values as in the file, palettes as colours.

    Args:
        entry: which image.
        cache: where formats that are not read in parts are decoded to, once; without
            one they are decoded into memory.

    Raises:
        ValueError: the file is missing, damaged, not numeric, or has no pixels; names
            the file.
    """
    return ArrayImage(read_image(entry), entry.name)


def open_mask(entry: ImageEntry, cache: ArrayCache | None = None) -> WindowedImage:
    """Opens a mask: windows hold integers, the index where the file has a palette.

    One channel, or the three of a mask in colour.

    Raises:
        ValueError: the file cannot be read, or holds other numbers than whole ones;
            names the file.
    """
    return ArrayImage(read_mask(entry)[..., None], entry.name)
