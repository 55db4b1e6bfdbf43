"""Image files of any kind as arrays (height, width, channels), and back."""

from pipelines.images.finding import ImageEntry, find_images
from pipelines.images.reading import match_channels, read_image, read_mask

__all__ = ["ImageEntry", "find_images", "match_channels", "read_image", "read_mask"]
