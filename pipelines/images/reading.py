"""Image files as whole arrays.

Pixel values come as they are in the file: nothing is scaled here. Palettes become
colours in images and stay indices in masks; files of 1, 2 and 4 bits become uint8.
"""

import numpy as np

from pipelines.images.finding import ImageEntry
from pipelines.images.opening import open_image, open_mask


def read_image(entry: ImageEntry) -> np.ndarray:
    """Reads one image.

    Returns:
        (height, width, channels) in the file's own type of number; channels as in the
        file, so 1 for grey, 2 for grey and alpha, 3 for colour, 4 with alpha.

    Raises:
        ValueError: the file is missing, damaged, not numeric, or has no pixels; names
            the file.
    """
    with open_image(entry) as image:
        return image.whole()


def read_mask(entry: ImageEntry) -> np.ndarray:
    """Reads one mask.

    Returns:
        (height, width) of integers as in the file; the index where the file has a
        palette.

    Raises:
        ValueError: the file cannot be read, is in colour (`open_mask` gives its
            colours), or holds other numbers than whole ones; names the file.
    """
    with open_mask(entry) as mask:
        if mask.channels > 1:
            raise ValueError(
                f"{entry.name}: a mask must have one channel, got {mask.channels} that "
                "differ. Write class or instance ids into a grey or palette image."
            )
        return mask.whole()[..., 0]


# Models of which a PNG or JPEG file can be an image.
CHANNELS_OF_FILES = (1, 3, 4)


def check_channels(found: int, channels: int, name: str, *, alpha: bool) -> None:
    """Checks that an image serves a model.

    With alpha, which is left out then, 2 channels serve where 1 is expected, and 4
    where 3 are; anything else must fit. The exported graph has the same rule for files.

    Args:
        found: channels of the file.
        channels: what the model takes.
        name: what the message calls the image.
        alpha: the last channel says how transparent the others are.

    Raises:
        ValueError: the image has other channels than the model takes.
    """
    if found != channels and not (alpha and (found, channels) in ((2, 1), (4, 3))):
        raise ValueError(
            f"{name}: {channels} channels expected, got {found}. Convert the image, "
            "or train on images like it."
        )
