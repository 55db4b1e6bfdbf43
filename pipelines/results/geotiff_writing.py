"""GeoTIFF files from windows, by GDAL (rasterio, the extra `geo`)."""

import contextlib
import errno
import os
import pathlib
import shutil
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import rasterio
import rasterio.enums
import rasterio.windows
from rasterio.env import get_gdal_config, set_gdal_config

from pipelines.results.layout import TILE_SIDE, ImageLayout, ImageToWrite, row_bands
from pipelines.results.tiff_writing import in_strips, strip_rows

# GDAL keeps blocks in memory, by default in a twentieth of all that the machine has.
CACHE_BYTES = 32 * 2**20
# Bytes that are left: less than GDAL writes at once.
_NEARLY_FULL = 4 * 2**20
# What was there before each file that is written now: all threads have one bound, and
# the first of these is given back by whoever ends last.
_bounds_before: list[Any] = []
_bounds_lock = threading.Lock()


def write_geotiff(
    path: pathlib.Path, image: ImageToWrite, *, pyramid: bool = False
) -> None:
    """Writes an image with its coordinate reference system and transform.

    Args:
        path: the file.
        image: its layout has a georeference.
        pyramid: adds smaller levels as overviews.

    Raises:
        OSError: the file cannot be written.
        ValueError: the layout has no georeference.
    """
    layout = image.layout
    if layout.georeference is None:
        raise ValueError(f"{path}: a GeoTIFF needs a place on the Earth.")
    levels = layout.levels() if pyramid else [layout]
    with (
        _bounded_cache(),
        warnings.catch_warnings(),
        _errors_of_the_system(path),
    ):
        # Of images whose transform happens to be that of pixels.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=layout.height,
            width=layout.width,
            count=layout.channels,
            dtype=layout.dtype,
            crs=layout.georeference.crs or None,
            transform=rasterio.Affine(*layout.georeference.transform),
            **_blocks(layout, pyramid),
            compress="deflate",
            bigtiff="if_safer",
            interleave="pixel",
            photometric="minisblack",
        ) as dataset:
            _write_blocks(dataset, image)
            method = "average" if layout.averaged else "nearest"
            factors = [2**number for number in range(1, len(levels))]
            if factors:
                resampling = rasterio.enums.Resampling[method]
                dataset.build_overviews(factors, resampling)
        for level in range(len(levels)):
            _check_whole(path, level)


def _blocks(layout: ImageLayout, pyramid: bool) -> dict[str, Any]:
    """Returns strips or tiles, as in TIFFs without a place."""
    if in_strips(layout, pyramid):
        return {"tiled": False, "blockysize": strip_rows(layout)}
    return {"tiled": True, "blockxsize": TILE_SIDE, "blockysize": TILE_SIDE}


@contextlib.contextmanager
def _bounded_cache() -> Iterator[None]:
    """Bounds what GDAL keeps; rasterio gives the bound back in outermost uses only."""
    with _bounds_lock:
        _bounds_before.append(get_gdal_config("GDAL_CACHEMAX"))
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
            yield
    finally:
        with _bounds_lock:
            set_gdal_config("GDAL_CACHEMAX", _bounds_before.pop())


@contextlib.contextmanager
def _errors_of_the_system(path: pathlib.Path) -> Iterator[None]:
    """Gives GDAL's errors of writing a number, which they have not.

    Raises:
        OSError: the file cannot be written, or is not whole.
    """
    try:
        yield
    except rasterio.errors.RasterioError as error:
        full = shutil.disk_usage(path.parent).free < _NEARLY_FULL
        code = errno.ENOSPC if full else errno.EIO
        raise OSError(code, os.strerror(code)) from error


def _check_whole(path: pathlib.Path, level: int) -> None:
    """Reads the last pixel: GDAL may say nothing of a disk that fills at the end."""
    overview = {"overview_level": level - 1} if level else {}
    with rasterio.open(path, **overview) as dataset:
        last = rasterio.windows.Window(dataset.width - 1, dataset.height - 1, 1, 1)
        dataset.read(window=last)


def _write_blocks(dataset: rasterio.io.DatasetWriter, image: ImageToWrite) -> None:
    """Writes whole strips or tiles: half of one would be compressed, and read again."""
    top = 0
    height, width = dataset.block_shapes[0]
    for band in row_bands(image, height):
        for left in range(0, image.layout.width, width):
            block = band[:, left : left + width]
            window = rasterio.windows.Window(left, top, block.shape[1], block.shape[0])
            dataset.write(block.transpose(2, 0, 1), window=window)
        top += len(band)
