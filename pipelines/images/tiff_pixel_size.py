"""The size of a pixel, as OME-TIFF and ImageJ write it.

The resolution of other TIFFs is not taken: most programs write one that nobody meant,
such as 72 pixels an inch.
"""

import math
from typing import Any
from xml.etree import ElementTree

from pipelines.images.length_units import MICRON, factor, symbol_of
from pipelines.images.windowed import PixelSize


def pixel_sizes(tiff: Any, count: int) -> list[PixelSize | None]:
    """Returns the size of pixels for each of `count` series of an open TIFF."""
    if tiff.is_ome:
        sizes = _of_ome(tiff.ome_metadata)
    elif tiff.is_imagej:
        sizes = [_of_imagej(tiff)]
    else:
        sizes = []
    return [*sizes, *[None] * count][:count]


def _of_ome(text: str) -> list[PixelSize | None]:
    sizes = []
    for element in ElementTree.fromstring(text).iter():
        if element.tag.split("}")[-1] == "Pixels":
            about = element.attrib
            size = made_size(
                about.get("PhysicalSizeY"),
                about.get("PhysicalSizeX"),
                about.get("PhysicalSizeYUnit", MICRON),
                about.get("PhysicalSizeXUnit", MICRON),
            )
            sizes.append(size)
    return sizes


def _of_imagej(tiff: Any) -> PixelSize | None:
    about, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    unit = about.get("unit")
    pixels_per_unit = tags.valueof("YResolution"), tags.valueof("XResolution")
    if not unit or not all(value and value[0] for value in pixels_per_unit):
        return None
    height, width = (value[1] / value[0] for value in pixels_per_unit)
    return made_size(height, width, unit)


def made_size(
    height: Any, width: Any, unit: str, width_unit: str | None = None
) -> PixelSize | None:
    """Returns a size from what a file says; None if that is no size.

    Args:
        height: of a pixel.
        width: of a pixel.
        unit: of the height, and of the size that is returned.
        width_unit: of the width; None for the same.
    """
    unit = symbol_of(unit)
    scale = factor(symbol_of(width_unit or unit), unit)
    try:
        sizes = float(height), float(width) * (scale or math.nan)
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return None
    return PixelSize(sizes[0], sizes[1], unit)
