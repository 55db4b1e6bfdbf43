"""Time and depth of a stack, as OME-TIFF and ImageJ write them."""

from typing import Any
from xml.etree import ElementTree

from pipelines.images.length_units import MICRON
from pipelines.images.stack_axes import SECOND, StackAxis, made_axis, named_stack

_Steps = dict[str, tuple[Any, str | None]]


def stack_axes(tiff: Any, series: Any) -> tuple[StackAxis, ...]:
    """Returns the axes that number the images of a file's only series.

    Args:
        tiff: an open file.
        series: of tifffile.

    Returns:
        Slowest first; nothing if they are others than time and depth.
    """
    sizes = zip(series.axes, series.shape, strict=True)
    counts = {axis: count for axis, count in sizes if axis not in "YXSC" and count > 1}
    if not counts or not set(counts) <= {"T", "Z"}:
        return ()
    steps: _Steps = {}
    if tiff.is_ome:
        steps = _of_ome(tiff.ome_metadata)
    elif tiff.is_imagej:
        about = tiff.imagej_metadata or {}
        steps["Z"] = about.get("spacing"), about.get("unit")
        steps["T"] = about.get("finterval"), about.get("tunit", SECOND)
    nothing = None, None
    return named_stack(
        [
            made_axis(axis.lower(), count, *steps.get(axis, nothing))
            for axis, count in counts.items()
        ]
    )


def _of_ome(text: str) -> _Steps:
    for element in ElementTree.fromstring(text).iter():
        if element.tag.split("}")[-1] == "Pixels":
            about = element.attrib
            depth = about.get("PhysicalSizeZ"), about.get("PhysicalSizeZUnit", MICRON)
            time = about.get("TimeIncrement"), about.get("TimeIncrementUnit", SECOND)
            return {"Z": depth, "T": time}
    return {}
