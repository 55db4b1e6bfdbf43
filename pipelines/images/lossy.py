"""Which files are compressed so that the values of their pixels change."""

import pathlib
import struct

import tifffile

from pipelines.images.kinds import Kind, kind_of

# Codes of the tag Compression: JPEG in its old and new form, as ALT writes it, as DNG.
_JPEG_IN_TIFF = (6, 7, 33007, 34892)
_WEBP_IN_TIFF = 50001
# The header of a RIFF file, and of each of its chunks.
_RIFF, _CHUNK = 12, 8


def lossy_compression(path: pathlib.Path) -> str | None:
    """Returns the compression that changes values, as "JPEG"; None if none does.

    WebP may be lossy or not, so the file is inspected; JPEG 2000 and JPEG XL in a TIFF
    may be too, and are not inspected. Of a TIFF the first page stands for all.

    Args:
        path: of a file that can be read.

    Raises:
        OSError: it is not there any more.
    """
    kind = kind_of(path)
    if kind is Kind.JPEG:
        return "JPEG"
    if kind is Kind.WEBP:
        return _lossy_webp(path.read_bytes())
    return _in_tiff(path) if kind is Kind.TIFF else None


def _in_tiff(path: pathlib.Path) -> str | None:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if page.compression in _JPEG_IN_TIFF:
            return "JPEG"
        if page.compression != _WEBP_IN_TIFF or not page.dataoffsets:
            return None
        tiff.filehandle.seek(page.dataoffsets[0])
        return _lossy_webp(tiff.filehandle.read(page.databytecounts[0]))


def _lossy_webp(file: bytes) -> str | None:
    """Looks for the chunk of the pixels: "VP8 " is lossy, "VP8L" is not."""
    start = _RIFF
    while start + _CHUNK <= len(file):
        name, size = struct.unpack_from("<4sI", file, start)
        if name in (b"VP8 ", b"VP8L"):
            return "lossy WebP" if name == b"VP8 " else None
        # Chunks begin at even places.
        start += _CHUNK + size + size % 2
    return None
