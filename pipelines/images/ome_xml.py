"""What OME-XML says of images beside their pixels: texts, sizes, times and places."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree

from pipelines.images.length_units import MICRON, known_symbol
from pipelines.images.origin import Origin, Plane
from pipelines.images.stack_axes import SECOND, time_symbol
from pipelines.images.windowed import PixelSize, made_size

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
# OME has them beside those of length.
_OTHER_UNITS = ("reference frame", "pixel")


class OmeImage(NamedTuple):
    """What is said of an image.

    Attributes:
        name: of the image; like the other texts empty where nothing is said.
        date: of its acquisition, a dateTime of XML.
        description: free text.
        planes: of which something is known, by (time, depth).
        pixel_size: None if unknown.
        steps: along the axes "Z" and "T", and their units, in any spelling.
    """

    name: str = ""
    date: str = ""
    description: str = ""
    planes: Mapping[tuple[int, int], Plane] = {}
    pixel_size: PixelSize | None = None
    steps: Mapping[str, tuple[Any, str | None]] = {}

    def origin(self, places: Iterable[tuple[int, int]]) -> Origin:
        """Returns the same for planes in an order.

        Args:
            places: (time, depth) of each plane; none if its planes are others.
        """
        planes = tuple(self.planes.get(place, Plane()) for place in places)
        known = any(plane != Plane() for plane in planes)
        texts = self.name, self.date, self.description
        return Origin(*texts, planes=planes if known else ())


def ome_images(text: str) -> list[OmeImage]:
    """Returns the images with pixels that OME-XML describes, in its order.

    What is no date, number or unit is left out.

    Raises:
        ElementTree.ParseError: it is no XML.
    """
    images = ElementTree.fromstring(text).iterfind("{*}Image")
    return [
        _image(image, pixels)
        for image in images
        for pixels in image.iterfind("{*}Pixels")
    ]


def _image(image: ElementTree.Element, pixels: ElementTree.Element) -> OmeImage:
    about = pixels.attrib
    depth = about.get("PhysicalSizeZ"), about.get("PhysicalSizeZUnit", MICRON)
    time = about.get("TimeIncrement"), about.get("TimeIncrementUnit", SECOND)
    return OmeImage(
        image.get("Name", "").strip(),
        _date((image.findtext("{*}AcquisitionDate") or "").strip()),
        (image.findtext("{*}Description") or "").strip(),
        _planes(pixels),
        made_size(
            about.get("PhysicalSizeY"),
            about.get("PhysicalSizeX"),
            about.get("PhysicalSizeYUnit", MICRON),
            about.get("PhysicalSizeXUnit", MICRON),
        ),
        {"Z": depth, "T": time},
    )


def _date(text: str) -> str:
    return text if _DATE.fullmatch(text) else ""


def _planes(pixels: ElementTree.Element) -> dict[tuple[int, int], Plane]:
    found: dict[tuple[int, int], Plane] = {}
    for element in pixels.iterfind("{*}Plane"):
        about = _plane(element.attrib)
        try:
            place = int(element.attrib["TheT"]), int(element.attrib["TheZ"])
        except (KeyError, ValueError):
            continue
        if about != Plane():
            # A mask has one plane for all channels: the first one's.
            found.setdefault(place, about)
    return found


def _plane(attributes: Mapping[str, str]) -> Plane:
    found: dict[str, Any] = {}
    for name in ("DeltaT", "PositionX", "PositionY", "PositionZ"):
        try:
            number = float(attributes[name])
        except (KeyError, ValueError):
            continue
        said = attributes.get(f"{name}Unit")
        unit = None if said is None else _symbol(name, said)
        # Without its unit a number would be taken for one in another.
        if math.isfinite(number) and (said is None or unit is not None):
            found[name], found[f"{name}Unit"] = number, unit
    return Plane(**found)


def _symbol(name: str, unit: str) -> str | None:
    if name == "DeltaT":
        return time_symbol(unit)
    return unit if unit in _OTHER_UNITS else known_symbol(unit)
