"""What a TIFF says of its images beside their pixels: OME, ImageJ, slides of Aperio.

The resolution of other TIFFs is not taken: most programs write one that nobody meant,
such as 72 pixels an inch.
"""

import re
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from pipelines.images.length_units import MICRON
from pipelines.images.ome_xml import OmeImage, ome_images
from pipelines.images.origin import Origin
from pipelines.images.stack_axes import SECOND, StackAxis, made_axis, named_stack
from pipelines.images.windowed import PixelSize, made_size

# Microns per pixel, in the description of a slide.
_MICRONS_OF_SLIDE = re.compile(r"\|\s*MPP\s*=\s*([^|\s]+)")


class Notes(NamedTuple):
    """What is said of the images of a series.

    Attributes:
        pixel_size: None if unknown.
        origin: of all of them, with a plane for each.
        stack: the axes that number them, slowest first; nothing if they are others than
            time and depth.
    """

    pixel_size: PixelSize | None
    origin: Origin
    stack: tuple[StackAxis, ...]


def notes_of(tiff: Any, all_series: list[Any]) -> list[Notes]:
    """Returns what is said of each series of an open TIFF."""
    if tiff.is_ome:
        images = _of_ome(tiff.ome_metadata, len(all_series))
    elif tiff.is_imagej:
        images = [_of_imagej(tiff)]
    elif tiff.is_svs:
        images = [_of_slide(tiff.pages.first.description)]
    else:
        images = []
    images += [OmeImage()] * (len(all_series) - len(images))
    return [
        Notes(
            image.pixel_size,
            image.origin(_places(series) if image.planes else ()),
            _stack(series, image),
        )
        for image, series in zip(images, all_series, strict=True)
    ]


def _of_ome(text: str, count: int) -> list[OmeImage]:
    """Returns what OME says of each of `count` series."""
    try:
        images = ome_images(text)
    # The pixels are read all the same, as tifffile does.
    except ElementTree.ParseError:
        images = []
    if len(images) == count:
        return images
    # Of images without pixels tifffile makes no series. Which is whose is not told, so
    # what they have in common counts.
    first, *others = images or [OmeImage()]
    common = {
        name: value
        for name, value in first._asdict().items()
        if all(getattr(other, name) == value for other in others)
    }
    return [OmeImage(**common)] * count


def _of_imagej(tiff: Any) -> OmeImage:
    about, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    unit = about.get("unit")
    steps = {
        "Z": (about.get("spacing"), unit),
        "T": (about.get("finterval"), about.get("tunit", SECOND)),
    }
    pixels_per_unit = tags.valueof("YResolution"), tags.valueof("XResolution")
    if not unit or not all(value and value[0] for value in pixels_per_unit):
        return OmeImage(steps=steps)
    height, width = (value[1] / value[0] for value in pixels_per_unit)
    return OmeImage(pixel_size=made_size(height, width, unit), steps=steps)


def _of_slide(description: str) -> OmeImage:
    found = _MICRONS_OF_SLIDE.search(description)
    return OmeImage(pixel_size=made_size(found[1], found[1], MICRON) if found else None)


def _counts(series: Any) -> dict[str, int]:
    """Returns how many images there are along each axis that numbers them."""
    sizes = zip(series.axes, series.shape, strict=True)
    return {axis: count for axis, count in sizes if axis not in "YXSC"}


def _places(series: Any) -> list[tuple[int, int]]:
    """Returns (time, depth) of each image; nothing if other axes number them."""
    counts = _counts(series)
    if not set(counts) <= {"T", "Z"}:
        return []
    places = (dict(zip(counts, n, strict=True)) for n in np.ndindex(*counts.values()))
    return [(place.get("T", 0), place.get("Z", 0)) for place in places]


def _stack(series: Any, image: OmeImage) -> tuple[StackAxis, ...]:
    nothing = None, None
    axes = [
        made_axis(axis.lower(), count, *image.steps.get(axis, nothing))
        if axis in "TZ"
        else None
        for axis, count in _counts(series).items()
        if count > 1
    ]
    return named_stack(axes)
