"""An image of a TIFF: where its pixels are, and what its tags say of them."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from pipelines.images.flat import FlatArray
from pipelines.images.orientation import AS_STORED, of_tag
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis
from pipelines.images.tiff.page import TiffPageReader
from pipelines.images.windowed import PixelSize

# Tags that place an image on the Earth: GeoKeys, the size of a pixel, a transform.
_GEO_TAGS, _NODATA = (34735, 33550, 34264), 42113
_WHITE_IS_ZERO, _RGB, _YCBCR = 0, 2, 6
# Colours that are neither grey nor RGB, and are not turned into them.
_OTHER_COLOURS = {5: "CMYK", 8: "Lab", 9: "Lab", 10: "Lab"}
# No compression, and those that keep values as they are: of YCbCr only JPEG's decoder
# makes RGB.
_AS_THEY_ARE = (1, 5, 8, 32773, 32946, 34925, 50000)
# Aperio's JPEG 2000 of YCbCr, which its decoder leaves as it is.
_SLIDE_IN_YCBCR = 33003
# Extra samples of these kinds say how transparent the others are.
_ALPHA = (1, 2)


@dataclasses.dataclass(frozen=True)
class TiffPlace:
    """Where an image lies in a file: in pages, else flat, else known to tifffile.

    Attributes:
        shape: (height, width, channels), palettes as indices.
        dtype: of the pixels.
        pages: where the pages begin that hold the channels; -1 for one left out.
        files: that each of the pages is in; empty if all are in the image's own.
        flat: where the pixels lie, for an image that has no page of its own.
        series: (number of the series, of the image within it), for all others.
        colours: (indices, 3) uint8 of the palette, None without one.
        alpha: whether the last channel says how transparent the others are.
        inverted: bits that are 0 where the image is white.
        segment_bytes: of one decoded tile or strip.
        segment_rows: of one tile or strip; 0 if unknown.
        pixel_size: None if unknown.
        georeferenced: whether it says where it lies on the Earth.
        unsure: its page may be of another size: of many alike not all were looked at.
        nodata: what it writes where nothing is known.
        stack: axes that number the images of the file.
        origin: what the file says of where it comes from.
        orientation: how it is to be shown.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    pages: tuple[int, ...] = ()
    files: tuple[pathlib.Path, ...] = ()
    flat: FlatArray | None = None
    series: tuple[int, int] | None = None
    colours: np.ndarray | None = None
    alpha: bool = False
    inverted: bool = False
    segment_bytes: int = 0
    segment_rows: int = 0
    pixel_size: PixelSize | None = None
    georeferenced: bool = False
    unsure: bool = False
    nodata: float | None = None
    stack: tuple[StackAxis, ...] = ()
    origin: Origin = Origin()
    orientation: int = AS_STORED

    def in_segments_of(self, page: TiffPageReader) -> "TiffPlace":
        """Returns the same, in tiles or strips of a page."""
        return dataclasses.replace(
            self, segment_bytes=page.segment_bytes, segment_rows=page.segment_rows
        )


def described(place: TiffPlace, page: Any) -> TiffPlace:
    """Adds what the tags of a page say of its channels."""
    if page.dtype is None:
        raise ValueError(f"its numbers of {page.bitspersample} bits are not known")
    colour_space = _OTHER_COLOURS.get(page.photometric)
    is_left = page.photometric == _YCBCR and page.compression in _AS_THEY_ARE
    if is_left or page.compression == _SLIDE_IN_YCBCR:
        colour_space = "YCbCr"
    if colour_space:
        raise ValueError(
            f"its colours are {colour_space}, not grey or RGB; convert it to RGB"
        )
    colours = None
    # ImageJ's palettes say how it shows grey values.
    if page.colormap is not None and not page.parent.is_imagej:
        # 16 bits a colour in the file, of which 8 are known to be meant.
        colours = (page.colormap >> 8).astype(np.uint8).T
    samples, extra = page.samplesperpixel, tuple(page.extrasamples or ())
    alpha = samples in (2, 4) and (
        extra[-1:] in [(kind,) for kind in _ALPHA]
        or (page.photometric == _RGB and samples == 4 and not extra)
    )
    return dataclasses.replace(
        place,
        colours=colours,
        alpha=alpha and place.shape[2] == samples,
        inverted=place.dtype == bool and page.photometric == _WHITE_IS_ZERO,
        georeferenced=any(tag in page.tags for tag in _GEO_TAGS),
        nodata=_nodata(page),
        orientation=of_tag(page.tags.valueof("Orientation")),
    )


def _nodata(page: Any) -> float | None:
    """Returns what GDAL's tag says; tifffile has 0 for what the type cannot hold."""
    text = str(page.tags.valueof(_NODATA, "")).replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None
