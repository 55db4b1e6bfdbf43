"""Image files of any kind as arrays (height, width, channels), and back."""

from pipelines.images.cache import ArrayCache, file_key
from pipelines.images.finding import ImageEntry, find_images
from pipelines.images.opening import open_image, open_mask
from pipelines.images.reading import read_image, read_mask
from pipelines.images.windowed import ArrayImage, PixelSize, WindowedImage, blocks

__all__ = [
    "ArrayCache",
    "ArrayImage",
    "ImageEntry",
    "PixelSize",
    "WindowedImage",
    "blocks",
    "file_key",
    "find_images",
    "open_image",
    "open_mask",
    "read_image",
    "read_mask",
]
