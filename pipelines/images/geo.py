"""Where an image lies on the Earth, read by rasterio (the extra `geo`)."""

import importlib.util
import logging
import pathlib

from pipelines.images.windowed import Georeference

_logger = logging.getLogger(__name__)


def is_available() -> bool:
    """Tells whether rasterio is installed, which reads and writes GeoTIFF."""
    return importlib.util.find_spec("rasterio") is not None


def read_georeference(path: pathlib.Path) -> Georeference | None:
    """Returns the reference system and transform of a GeoTIFF.

    None if rasterio is not installed or the file does not say both.
    """
    try:
        import rasterio
    except ImportError:
        _logger.debug(
            "%s: its georeference is dropped; pip install "
            "'.[geo]' in a clone of keras-unet to keep it.",
            path,
        )
        return None
    try:
        with rasterio.open(path) as file:
            crs = file.crs.to_wkt() if file.crs is not None else ""
            a, b, c, d, e, f = tuple(file.transform)[:6]
    # Its pixels are read all the same, so no image is lost by damaged tags.
    except Exception as error:
        _logger.warning("%s: its georeference cannot be read (%s).", path, error)
        return None
    return Georeference(crs, (a, b, c, d, e, f)) if crs else None
