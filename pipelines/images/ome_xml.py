"""What OME-XML says of images beside their pixels: texts, times and places."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree

from pipelines.images.length_units import known_symbol
from pipelines.images.origin import Origin, Plane
from pipelines.images.stack_axes import time_symbol

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
    """

    name: str
    date: str
    description: str
    planes: dict[tuple[int, int], Plane]

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
    """Returns the images that OME-XML describes, in its order.

    What is no date, number or unit is left out.

    Raises:
        ElementTree.ParseError: it is no XML.
    """
    return [
        OmeImage(
            element.get("Name", "").strip(),
            _date((element.findtext("{*}AcquisitionDate") or "").strip()),
            (element.findtext("{*}Description") or "").strip(),
            _planes(element),
        )
        for element in ElementTree.fromstring(text).iterfind("{*}Image")
    ]


def _date(text: str) -> str:
    return text if _DATE.fullmatch(text) else ""


def _planes(image: ElementTree.Element) -> dict[tuple[int, int], Plane]:
    found: dict[tuple[int, int], Plane] = {}
    for element in image.iterfind("{*}Pixels/{*}Plane"):
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
