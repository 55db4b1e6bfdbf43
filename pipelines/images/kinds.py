"""Which kind of file an image is, by the name of the file or folder."""

import enum
import pathlib

TIFF_SUFFIXES = (".tif", ".tiff")
# A Zarr is a folder.
ZARR_SUFFIX = ".zarr"
ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
# Those that bioio has a reader for, where its plug-in is installed; files of other
# suffixes are given to it, too, when they are named outright.
BIO_SUFFIXES = (".czi", ".nd2", ".lif", ".dv", ".ims", ".sldy", ".oir", ".vsi")


class Kind(enum.Enum):
    """A kind of file, as messages call it."""

    PNG = "PNG"
    JPEG = "JPEG"
    BMP = "BMP"
    WEBP = "WEBP"
    TIFF = "TIFF"
    NPY = "NPY"
    ZARR = "ZARR"
    OTHER = "microscope file"


_KINDS = {
    ".png": Kind.PNG,
    ".jpg": Kind.JPEG,
    ".jpeg": Kind.JPEG,
    ".bmp": Kind.BMP,
    ".webp": Kind.WEBP,
    **dict.fromkeys(TIFF_SUFFIXES, Kind.TIFF),
    ".npy": Kind.NPY,
    ZARR_SUFFIX: Kind.ZARR,
}
SUFFIXES = tuple(_KINDS)


def kind_of(path: pathlib.Path) -> Kind:
    """Returns the kind of a file or folder, whether it is there or not."""
    return _KINDS.get(path.suffix.lower(), Kind.OTHER)
