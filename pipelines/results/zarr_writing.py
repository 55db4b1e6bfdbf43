"""OME-Zarr folders (version 0.5, Zarr format 3) from windows, chunk by chunk."""

import itertools
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import zarr

from pipelines.images.length_units import word_of
from pipelines.images.windowed import as_known_length
from pipelines.images.zarr_axes import mark
from pipelines.results.layout import (
    TILE_SIDE,
    ImageLayout,
    ImageToWrite,
    halve,
    row_bands,
)

VERSION = "0.5"


def write_zarr(
    path: pathlib.Path,
    images: Iterable[ImageToWrite],
    *,
    several: bool = False,
    pyramid: bool = False,
) -> None:
    """Writes images as one OME-Zarr folder.

    One image is the root group, and so is a stack with named axes: one array a level.
    Other images are the groups 0, 1, ... of it, in the layout that bioformats2raw has
    (section "bioformats2raw" of the specification).

    Args:
        path: the folder, which is not there yet.
        images: one after the other; each is read to its end before the next.
        several: whether there are several images.
        pyramid: adds smaller levels.

    Raises:
        OSError: the folder cannot be written.
    """
    root = zarr.open_group(str(path), mode="w", zarr_format=3)
    mark(root)
    images = iter(images)
    for number, image in enumerate(images):
        layout, group = image.layout, root
        if several and not layout.stack:
            root.attrs["ome"] = {"version": VERSION, "bioformats2raw.layout": 3}
            group = root.create_group(str(number))
        others = itertools.islice(images, layout.num_planes - 1)
        _write_image(group, itertools.chain([image], others), layout, pyramid)


def _write_image(
    group: Any, planes: Iterable[ImageToWrite], layout: ImageLayout, pyramid: bool
) -> None:
    """Writes an image, or all of a stack, which have one layout."""
    levels = layout.levels() if pyramid else [layout]
    arrays = [_create(group, str(number), level) for number, level in enumerate(levels)]
    counts = [axis.count for axis in layout.stack]
    for number, plane in enumerate(planes):
        numbers = np.unravel_index(number, counts) if counts else ()
        place = {
            axis.name: int(n) for axis, n in zip(layout.stack, numbers, strict=True)
        }
        bands = row_bands(plane, TILE_SIDE)
        for array, level in zip(arrays, levels, strict=True):
            _write_bands(array, place, bands, level)
            bands = _halved_bands(array, place, level)
    group.attrs["ome"] = {
        "version": VERSION,
        "multiscales": [_multiscale(levels)],
    }


def _create(group: Any, name: str, level: ImageLayout) -> Any:
    shape = {axis.name: axis.count for axis in level.stack}
    shape |= {"c": level.channels, "y": level.height, "x": level.width}
    chunk = {"y": min(TILE_SIDE, level.height), "x": min(TILE_SIDE, level.width)}
    axes = _axes(level)
    return group.create_array(
        name,
        shape=tuple(shape[axis] for axis in axes),
        chunks=tuple(chunk.get(axis, 1) for axis in axes),
        dtype=level.dtype,
        dimension_names=axes,
    )


def _part(
    level: ImageLayout, place: dict[str, int], rows: slice, columns: slice
) -> tuple[int | slice, ...]:
    """Returns the index of a part of a plane, with all its channels."""
    parts: dict[str, int | slice] = {**place, "c": slice(None), "y": rows, "x": columns}
    return tuple(parts[axis] for axis in _axes(level))


def _write_bands(
    array: Any, place: dict[str, int], bands: Iterator[np.ndarray], level: ImageLayout
) -> None:
    top = 0
    for band in bands:
        # Channels come before rows in OME-Zarr.
        pixels = band.transpose(2, 0, 1) if level.channels > 1 else band[..., 0]
        rows = slice(top, top + len(band))
        for left in range(0, level.width, TILE_SIDE):
            columns = slice(left, left + TILE_SIDE)
            array[_part(level, place, rows, columns)] = pixels[..., columns]
        top += len(band)


def _halved_bands(
    array: Any, place: dict[str, int], level: ImageLayout
) -> Iterator[np.ndarray]:
    # Two rows of chunks make one of the smaller level.
    for top in range(0, level.height, 2 * TILE_SIDE):
        rows = slice(top, top + 2 * TILE_SIDE)
        band = np.asarray(array[_part(level, place, rows, slice(None))])
        band = band.transpose(1, 2, 0) if level.channels > 1 else band[..., np.newaxis]
        yield halve(band, level.averaged)


def _axes(level: ImageLayout) -> tuple[str, ...]:
    """Returns the axes in the order that OME-Zarr has them in."""
    stack = {axis.name for axis in level.stack}
    several = {"c"} if level.channels > 1 else set()
    return tuple(axis for axis in "tczyx" if axis in {*stack, *several, "y", "x"})


def _multiscale(levels: list[ImageLayout]) -> dict[str, Any]:
    size, origin = levels[0].pixel_size, levels[0].origin
    length = as_known_length(size)
    stack = {axis.name: axis for axis in levels[0].stack}
    words = {name: axis.word for name, axis in stack.items() if axis.unit}
    if length is not None:
        words |= dict.fromkeys("yx", word_of(length.unit))
    axes, steps = [], dict.fromkeys(_axes(levels[0]), 1.0)
    for name in steps:
        kind = {"t": "time", "c": "channel"}.get(name, "space")
        unit = {"unit": words[name]} if name in words else {}
        axes.append({"name": name, "type": kind, **unit})
    if size is not None:
        steps |= {"y": size.height, "x": size.width}
    steps |= {name: axis.step for name, axis in stack.items() if axis.step is not None}
    starts = dict.fromkeys(steps, 0.0) | {
        name: axis.start for name, axis in stack.items()
    }
    starts["y"], starts["x"] = origin.offset
    datasets = [
        {
            "path": str(number),
            "coordinateTransformations": _transformations(
                steps, starts, 2.0**number, levels[0].averaged
            ),
        }
        for number in range(len(levels))
    ]
    method = "mean of 2x2" if levels[0].averaged else "every second pixel"
    named = {"name": origin.name} if origin.name else {}
    return {**named, "axes": axes, "datasets": datasets, "type": method}


def _transformations(
    steps: dict[str, float], starts: dict[str, float], factor: float, averaged: bool
) -> list[dict[str, Any]]:
    """Returns how the pixels of a level lie, by their centres.

    Args:
        steps: along each axis, of the greatest level.
        starts: where the first pixel of the greatest level lies.
        factor: pixels of the greatest level along one of this level.
        averaged: a pixel is a mean, and lies in the middle of what it is the mean of;
            else it is one of the greatest level, and lies where that does.
    """
    shift = (factor - 1) / 2 if averaged else 0.0
    scale, translation = [], []
    for name, step in steps.items():
        of_level = step * factor if name in "yx" else step
        scale.append(of_level)
        translation.append(starts[name] + (shift * step if name in "yx" else 0.0))
    found: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if any(translation):
        found.append({"type": "translation", "translation": translation})
    return found
