"""Which kind of file an image is, and what it is called, by its name."""

import enum
import pathlib

TIFF_SUFFIXES = (".tif", ".tiff")
# Slides of Aperio: TIFFs, which are read and not written under this name.
_SLIDE_SUFFIX = ".svs"
# A Zarr is a folder.
ZARR_SUFFIX = ".zarr"
ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
# One of these is in every array and group of a Zarr.
_OF_EVERY_NODE = ZARR_METADATA[:3]
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
    **dict.fromkeys((*TIFF_SUFFIXES, _SLIDE_SUFFIX), Kind.TIFF),
    ".npy": Kind.NPY,
    ZARR_SUFFIX: Kind.ZARR,
}
SUFFIXES = tuple(_KINDS)


def kind_of(path: pathlib.Path) -> Kind:
    """Returns the kind of a file or folder, whether it is there or not.

    Only of names that say nothing the disk is asked: arrays and groups within a Zarr
    have any.
    """
    suffix = path.suffix.lower()
    if suffix in _KINDS or suffix in BIO_SUFFIXES:
        return _KINDS.get(suffix, Kind.OTHER)
    return Kind.ZARR if is_zarr_node(path) else Kind.OTHER


def is_zarr_node(path: pathlib.Path) -> bool:
    """Tells whether a folder is an array or a group of a Zarr, whatever its name."""
    return any((path / name).is_file() for name in _OF_EVERY_NODE)


def stem_of(path: pathlib.Path) -> str:
    """Returns the name of a file or folder without its suffix.

    What lies within a Zarr is named from there: plate_A_1_0 is plate.ome.zarr/A/1/0,
    since the fields of all wells have the same names.
    """
    if path.suffix.lower() in (*_KINDS, *BIO_SUFFIXES):
        return path.stem
    for number, store in enumerate(path.absolute().parents, start=1):
        if store.suffix.lower() == ZARR_SUFFIX:
            whole = store.stem
            if whole.lower().endswith(".ome"):
                whole = whole[: -len(".ome")]
            return "_".join([whole, *path.absolute().parts[-number:]])
    return path.stem
