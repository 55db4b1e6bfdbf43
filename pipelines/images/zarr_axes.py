"""What a Zarr store says of itself: which array is the image, its axes, its pixels."""

from typing import Any

import zarr

from pipelines.images.tiff_pixel_size import made_size
from pipelines.images.windowed import PixelSize

# Of OME-Zarr before version 0.3, which has no names for them.
_OLD_AXES = "tczyx"


def described(node: Any) -> tuple[Any, str | None, PixelSize | None]:
    """Returns (array, axes, pixel size) of an opened store.

    Axes are letters, y, x and c as they are; None where the store does not name them.

    Raises:
        ValueError: it is a group that is no OME-Zarr image.
    """
    if isinstance(node, zarr.Array):
        return node, _named_axes(node), None
    about = dict(node.attrs)
    about = about.get("ome", about)
    if "bioformats2raw.layout" in about:
        if "1" in node:
            raise ValueError(
                "it holds several images in folders 0, 1, ...: link the one you "
                "want under a name that ends in .zarr"
            )
        return described(node["0"])
    if "plate" in about or "well" in about:
        raise ValueError("it is a plate: name the folders of its fields, each a .zarr")
    if "multiscales" not in about:
        raise ValueError("it is a group of arrays, not an image or OME-Zarr")
    scales = about["multiscales"][0]
    first = scales["datasets"][0]
    array = node[first["path"]]
    axes = scales.get("axes", _OLD_AXES[-array.ndim :])
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in axes]
    units = [axis.get("unit") if isinstance(axis, dict) else None for axis in axes]
    return array, _letters(names), _pixel_size(names, units, scales, first)


def _named_axes(array: Any) -> str | None:
    names = getattr(array.metadata, "dimension_names", None)
    if not names or None in names or not {"y", "x"} <= {n.lower() for n in names}:
        return None
    return _letters([name.lower() for name in names])


def _letters(names: list[str]) -> str:
    """Returns a letter for each axis; those of a stack become n, o, p, ..."""
    known = {"y": "y", "x": "x", "c": "c", "channel": "c"}
    others = iter("nopqrs")
    return "".join(known.get(name.lower()) or next(others) for name in names)


def _pixel_size(
    names: list[str], units: list[str | None], *scaled: dict[str, Any]
) -> PixelSize | None:
    height = width = 1.0
    found = False
    for about in scaled:
        for change in about.get("coordinateTransformations", []):
            if change.get("type") == "scale":
                factors = dict(zip(names, change["scale"], strict=True))
                height, width = height * factors["y"], width * factors["x"]
                found = True
    unit = units[names.index("y")]
    return made_size(height, width, unit) if found and unit else None
