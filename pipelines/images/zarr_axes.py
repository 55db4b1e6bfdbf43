"""What a Zarr store says of itself: which array is the image, its axes, its pixels."""

import pathlib
from typing import Any, NamedTuple

import zarr

from pipelines.images.origin import Origin
from pipelines.images.stack_axes import StackAxis, made_axis, named_stack
from pipelines.images.windowed import PixelSize, made_size

# Of OME-Zarr before version 0.3, which has no names for them.
_OLD_AXES = "tczyx"
_MARK = "keras-unet-result"


class HoldsImages(ValueError):
    """A group is no image, but holds some.

    Attributes:
        what: it is.
        inner: a glob of what it holds, from there.
    """

    def __init__(self, what: str, inner: str) -> None:
        super().__init__(f"it is {what}, not an image")
        self.what, self.inner = what, inner


class Description(NamedTuple):
    """What a store says of an image.

    Attributes:
        array: its greatest level.
        axes: letters, y, x and c as they are; None where the store does not name them.
        pixel_size: None if unknown.
        stack: axes that number its planes, of time and depth; nothing for others.
        origin: its name, and where it lies.
    """

    array: Any
    axes: str | None = None
    pixel_size: PixelSize | None = None
    stack: tuple[StackAxis, ...] = ()
    origin: Origin = Origin()


def described(node: Any) -> list[Description]:
    """Returns each image of an opened store.

    Several images are the groups 0, 1, ... of a store of bioformats2raw.

    Raises:
        HoldsImages: it is a plate, a well, or a group of other arrays and groups.
        ValueError: it is another group that is no OME-Zarr image.
    """
    if isinstance(node, zarr.Array):
        return [Description(node, _named_axes(node))]
    about = _about(node)
    # A plate that bioformats2raw has written says both.
    if "plate" in about:
        raise HoldsImages("a plate", "*/*/*")
    if "well" in about:
        raise HoldsImages("a well of a plate", "*")
    if "bioformats2raw.layout" not in about:
        return [_described_image(node, about)]
    found: list[Description] = []
    while (name := str(len(found))) in node:
        found.append(_described_image(node[name], _about(node[name])))
    if not found:
        raise ValueError("it holds no image: its group 0 is missing")
    return found


def mark(node: Any) -> None:
    """Writes into a new store that it is a result, which may be replaced."""
    node.attrs[_MARK] = True


def is_marked(path: pathlib.Path) -> bool:
    """Tells whether a folder is a store that was marked."""
    try:
        return bool(zarr.open_group(str(path), mode="r").attrs.get(_MARK))
    # Of many kinds, where it is no store.
    except Exception:
        return False


def _about(node: Any) -> dict[str, Any]:
    about = dict(node.attrs)
    return about.get("ome", about)


def _described_image(node: Any, about: dict[str, Any]) -> Description:
    if "multiscales" not in about:
        first_inside = min(node.keys(), default=None)
        if first_inside is not None:
            raise HoldsImages("a group", first_inside)
        raise ValueError("it is an empty group, not an image or OME-Zarr")
    scales = about["multiscales"][0]
    first = scales["datasets"][0]
    array = node[first["path"]]
    axes = scales.get("axes", _OLD_AXES[-array.ndim :])
    names = [_name_of(axis) for axis in axes]
    units = [axis.get("unit") if isinstance(axis, dict) else None for axis in axes]
    # Those of all levels come after those of one.
    steps, starts = _steps_and_starts(names, first, scales)
    size = _pixel_size(names, units, steps)
    return Description(
        array,
        _letters(names),
        size,
        _stack(names, array.shape, units, steps, starts),
        Origin(_text(scales.get("name")), offset=_offset(size, steps, starts)),
    )


def _text(name: Any) -> str:
    """Returns a name without what XML cannot hold; empty for what is none."""
    return "".join(filter(str.isprintable, name)) if isinstance(name, str) else ""


def _name_of(axis: dict[str, Any] | str) -> str:
    """Returns the name of an axis; c of channels, whatever they are called."""
    if isinstance(axis, str):
        return axis.lower()
    return "c" if axis.get("type") == "channel" else str(axis["name"]).lower()


def _named_axes(array: Any) -> str | None:
    names = getattr(array.metadata, "dimension_names", None)
    if not names or None in names or not {"y", "x"} <= {n.lower() for n in names}:
        return None
    return _letters([name.lower() for name in names])


def _letters(names: list[str]) -> str:
    """Returns a letter for each axis; those of a stack become n, o, p, ..."""
    known = {"y": "y", "x": "x", "c": "c", "channel": "c"}
    others = iter("nopqrs")
    return "".join(known.get(name) or next(others) for name in names)


def _steps_and_starts(
    names: list[str], *scaled: dict[str, Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the step along each axis, and where its first pixel lies.

    No steps if the store does not say.
    """
    steps: dict[str, float] = {}
    starts = dict.fromkeys(names, 0.0)
    for about in scaled:
        for change in about.get("coordinateTransformations", []):
            if change.get("type") == "scale":
                for name, factor in zip(names, change["scale"], strict=True):
                    steps[name] = steps.get(name, 1.0) * factor
                    starts[name] *= factor
            elif change.get("type") == "translation":
                for name, shift in zip(names, change["translation"], strict=True):
                    starts[name] += shift
    return steps, starts


def _pixel_size(
    names: list[str], units: list[str | None], steps: dict[str, float]
) -> PixelSize | None:
    unit, width_unit = units[names.index("y")], units[names.index("x")]
    if not steps or bool(unit) != bool(width_unit):
        return None
    # Units are optional; with the numbers alone viewers lay a mask over its image.
    return made_size(steps["y"], steps["x"], unit or "", width_unit or "")


def _offset(
    size: PixelSize | None, steps: dict[str, float], starts: dict[str, float]
) -> tuple[float, float]:
    if size is None:
        return 0.0, 0.0
    # The size has one unit, where the store may have two.
    return starts["y"], starts["x"] * (size.width / steps["x"])


def _stack(
    names: list[str],
    shape: tuple[int, ...],
    units: list[str | None],
    steps: dict[str, float],
    starts: dict[str, float],
) -> tuple[StackAxis, ...]:
    axes = []
    for name, count, unit in zip(names, shape, units, strict=True):
        if name not in "yxc" and count > 1:
            about = count, steps.get(name), unit, starts[name]
            axes.append(made_axis(name, *about) if name in ("t", "z") else None)
    return named_stack(axes)
