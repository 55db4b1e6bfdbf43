"""Image files of any kind as arrays (height, width, channels), and back."""

from pipelines.images.reading import (
    ImageEntry,
    find_images,
    match_channels,
    read_image,
    read_mask,
)

__all__ = ["ImageEntry", "find_images", "match_channels", "read_image", "read_mask"]
