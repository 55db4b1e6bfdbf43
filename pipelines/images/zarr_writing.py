"""OME-Zarr folders (version 0.5, Zarr format 3) from windows, chunk by chunk."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import zarr

from pipelines.images.layout import (
    TILE_SIDE,
    ImageLayout,
    ImageToWrite,
    halve,
    row_bands,
)
from pipelines.images.length_units import word_of
from pipelines.images.windowed import as_known_length
from pipelines.images.zarr_axes import mark

VERSION = "0.5"


def write_zarr(
    path: pathlib.Path,
    images: Iterable[ImageToWrite],
    *,
    several: bool = False,
    pyramid: bool = False,
) -> None:
    """Writes images as one OME-Zarr folder.

    One image is the root group. Several are the groups 0, 1, ... of it, in the layout
    that bioformats2raw has (section "bioformats2raw" of the specification).

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
    if several:
        root.attrs["ome"] = {"version": VERSION, "bioformats2raw.layout": 3}
    for number, image in enumerate(images):
        group = root.create_group(str(number)) if several else root
        _write_image(group, image, pyramid)


def _write_image(group: Any, image: ImageToWrite, pyramid: bool) -> None:
    levels = image.layout.levels() if pyramid else [image.layout]
    bands = row_bands(image, TILE_SIDE)
    for number, level in enumerate(levels):
        array = _create(group, str(number), level)
        _write_bands(array, bands, level)
        if number + 1 < len(levels):
            bands = _halved_bands(array, level)
    group.attrs["ome"] = {
        "version": VERSION,
        "multiscales": [_multiscale(levels)],
    }


def _create(group: Any, name: str, level: ImageLayout) -> Any:
    chunk = min(TILE_SIDE, level.height), min(TILE_SIDE, level.width)
    several = level.channels > 1
    return group.create_array(
        name,
        shape=(*([level.channels] if several else []), level.height, level.width),
        chunks=(*([1] if several else []), *chunk),
        dtype=level.dtype,
        dimension_names=_axes(level),
    )


def _write_bands(array: Any, bands: Iterator[np.ndarray], level: ImageLayout) -> None:
    top = 0
    for band in bands:
        # Channels come before rows in OME-Zarr.
        pixels = band.transpose(2, 0, 1) if level.channels > 1 else band[..., 0]
        for left in range(0, level.width, TILE_SIDE):
            right = left + TILE_SIDE
            array[..., top : top + len(band), left:right] = pixels[..., left:right]
        top += len(band)


def _halved_bands(array: Any, level: ImageLayout) -> Iterator[np.ndarray]:
    # Two rows of chunks make one of the smaller level.
    for top in range(0, level.height, 2 * TILE_SIDE):
        band = np.asarray(array[..., top : top + 2 * TILE_SIDE, :])
        band = band.transpose(1, 2, 0) if level.channels > 1 else band[..., np.newaxis]
        yield halve(band, level.averaged)


def _axes(level: ImageLayout) -> tuple[str, ...]:
    return ("c", "y", "x") if level.channels > 1 else ("y", "x")


def _multiscale(levels: list[ImageLayout]) -> dict[str, Any]:
    size = levels[0].pixel_size
    length = as_known_length(size)
    unit = {} if length is None else {"unit": word_of(length.unit)}
    axes = [
        {"name": "c", "type": "channel"}
        if name == "c"
        else {"name": name, "type": "space", **unit}
        for name in _axes(levels[0])
    ]
    datasets = []
    for number, level in enumerate(levels):
        factor = 2.0**number
        scale = [factor, factor]
        if size is not None:
            scale = [factor * size.height, factor * size.width]
        scale = [1.0, *scale] if level.channels > 1 else scale
        transformations = [{"type": "scale", "scale": scale}]
        datasets.append(
            {"path": str(number), "coordinateTransformations": transformations}
        )
    method = "mean of 2x2" if levels[0].averaged else "every second pixel"
    return {"axes": axes, "datasets": datasets, "type": method}
