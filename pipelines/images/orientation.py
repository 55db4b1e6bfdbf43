"""How a file says that its image is to be shown: turned, mirrored or as stored."""

from collections.abc import Callable

import PIL.ExifTags
import PIL.Image

AS_STORED = 1
_TAG = PIL.ExifTags.Base.Orientation


def of_exif(read: Callable[[], PIL.Image.Exif]) -> int:
    """Returns the EXIF orientation, 1 to 8; AS_STORED where there is none.

    Pixels are read as they are stored, whatever it is.

    Args:
        read: returns what a file says of its image; may raise anything.
    """
    # It may be damaged in any way, and the image is read all the same.
    try:
        return of_tag(read().get(_TAG))
    except Exception:
        return AS_STORED


def of_tag(found: object) -> int:
    """Returns the same of the value that a tag has."""
    return int(found) if isinstance(found, int) and 1 <= found <= 8 else AS_STORED
