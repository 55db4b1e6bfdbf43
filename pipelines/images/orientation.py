"""How a file says that its image is to be shown: turned, mirrored or as stored."""

import pathlib

import PIL.ExifTags
import tifffile

from pipelines.images.kinds import Kind, kind_of
from pipelines.images.pillow_files import opened_by_pillow

AS_STORED = 1
_BY_PILLOW = (Kind.JPEG, Kind.PNG, Kind.WEBP)


def orientation(path: pathlib.Path) -> int:
    """Returns the EXIF orientation, 1 to 8; AS_STORED where there is none.

    Pixels are read as they are stored, whatever it is. Of a TIFF the first page stands
    for all.

    Args:
        path: of a file that can be read.
    """
    kind = kind_of(path)
    # What else the file says of its image may be damaged in any way.
    try:
        if kind in _BY_PILLOW:
            with opened_by_pillow(path, kind.value) as image:
                # Pillow decodes a whole PNG in search of it.
                has_exif = kind is not Kind.PNG or "exif" in image.info
                exif = image.getexif() if has_exif else {}
                found = exif.get(PIL.ExifTags.Base.Orientation)
        elif kind is Kind.TIFF:
            with tifffile.TiffFile(path) as tiff:
                found = tiff.pages.first.tags.valueof("Orientation")
        else:
            return AS_STORED
    except Exception:
        return AS_STORED
    return int(found) if isinstance(found, int) and 1 <= found <= 8 else AS_STORED
