"""PNG files: the header first, the pixels as a whole."""

import functools
import math
import pathlib
import struct
from typing import NamedTuple

import imagecodecs
import numpy as np
import PIL.Image

from pipelines.images.cache import ArrayCache
from pipelines.images.damage import PNG_SIGNATURE, check_plausible, reading
from pipelines.images.decoded import decoded_image, fill_by_rows
from pipelines.images.handles import SourceFile
from pipelines.images.orientation import AS_STORED, of_exif
from pipelines.images.pillow_files import opened_by_pillow, rows_of
from pipelines.images.windowed import WindowedImage

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Deflate repeats up to 258 bytes with 2 bits.
_MOST_RATIO = 1032
# With a preview; a damaged header promises any size.
_MOST_EXIF_BYTES = 2**20
_MOST_PALETTE_BYTES = 3 * 256


class _Header(NamedTuple):
    height: int
    width: int
    depth: int
    kind: int
    transparent: bool
    orientation: int
    palette: bytes

    @property
    def channels(self) -> int:
        if self.kind == _PALETTE:
            return 4 if self.transparent else 3
        return _SAMPLES[self.kind] + self.transparent


def open_png(
    path: pathlib.Path, name: str, cache: ArrayCache | None, *, as_mask: bool
) -> WindowedImage:
    """Opens a PNG; reads its header only.

    Args:
        path: the file.
        name: what messages call the image.
        cache: where the pixels are kept, None for memory.
        as_mask: palettes stay indices, and grey of 2 and 4 bits stays as in the file,
            where images become colours and grey values up to 255.

    Raises:
        UnreadableImage: the file is missing, damaged or no PNG.
    """
    with reading(name, path, "PNG"):
        source = SourceFile(path)
        header = _read_header(source)
        indices = as_mask and header.kind == _PALETTE
        shape = header.height, header.width, 1 if indices else header.channels
        dtype = np.dtype(np.uint16 if header.depth == 16 else np.uint8)

        def fill(array: np.ndarray) -> None:
            if indices:
                with opened_by_pillow(path, "PNG") as image:
                    fill_by_rows(array, rows_of(image))
                return
            # Not Pillow: it cuts 16-bit colour to 8 bits.
            pixels = imagecodecs.png_decode(path.read_bytes()).reshape(shape)
            if as_mask and header.kind == 0 and header.depth in (2, 4):
                pixels //= 255 // (2**header.depth - 1)
            fill_by_rows(array, lambda top, rows: pixels[top : top + rows])

        decoding_bytes = source.state.size + math.prod(shape) * dtype.itemsize
        found = decoded_image(
            *(source, "PNG", name, shape, dtype, fill, cache, as_mask),
            decoding_bytes=decoding_bytes,
        )
        found.has_alpha = found.channels in (2, 4)
        found.orientation = header.orientation
        if indices:
            found.palette = np.frombuffer(header.palette, np.uint8).reshape(-1, 3)
        return found


def _read_header(source: SourceFile) -> _Header:
    with open(source.path, "rb") as file:
        start = file.read(33)
        if start[:8] != PNG_SIGNATURE or start[12:16] != b"IHDR":
            raise ValueError("it does not begin as a PNG")
        width, height, depth, kind = struct.unpack(">IIBB", start[16:26])
        if depth not in _DEPTHS.get(kind, ()):
            raise ValueError(f"its header names colour type {kind} of {depth} bits")
        if not height or not width:
            raise ValueError(f"the image has no pixels {(height, width)}")
        row_bytes = 1 + math.ceil(width * _SAMPLES[kind] * depth / 8)
        check_plausible(height * row_bytes, source.state.size, _MOST_RATIO)
        transparent, shown, palette = False, AS_STORED, b""
        # Chunks before the pixels: length, name, data, checksum.
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            size, begin = struct.unpack(">I", head[:4])[0], file.tell()
            transparent |= head[4:] == b"tRNS" and kind in (0, 2, _PALETTE)
            if head[4:] == b"eXIf" and size <= _MOST_EXIF_BYTES:
                shown = of_exif(functools.partial(_exif, file.read(size)))
            if head[4:] == b"PLTE" and size <= _MOST_PALETTE_BYTES and not size % 3:
                palette = file.read(size)
            file.seek(begin + size + 4)
        return _Header(height, width, depth, kind, transparent, shown, palette)


def _exif(data: bytes) -> PIL.Image.Exif:
    exif = PIL.Image.Exif()
    exif.load(data)
    return exif
