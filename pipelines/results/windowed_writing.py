"""Images from windows as a file of the kind that its name says."""

import pathlib
from collections.abc import Iterable

from pipelines.results.layout import ImageToWrite

# By their suffixes; the libraries of each are loaded when it is written.
WRITTEN_SUFFIXES = (".png", ".tif", ".tiff", ".zarr")


def write_windowed(
    path: pathlib.Path,
    suffix: str,
    images: Iterable[ImageToWrite],
    *,
    num_images: int = 1,
    num_bytes: int | None = None,
    placed: bool = False,
    pyramid: bool = False,
    ome: bool = False,
) -> None:
    """Writes images window by window; the file is not whole before the end.

    Args:
        path: the file, whose name may end in anything.
        suffix: one of WRITTEN_SUFFIXES: the kind of file.
        images: one after the other; each is read to its end before the next.
        num_images: how many there are.
        num_bytes: of the pixels of all; by default as if all were like the first.
        placed: whether the image has a georeference to keep.
        pyramid: adds smaller levels to TIFF and Zarr.
        ome: a TIFF is to be an OME-TIFF, as its name says.

    Raises:
        OSError: the file cannot be written.
    """
    if suffix == ".zarr":
        from pipelines.results.zarr_writing import write_zarr

        write_zarr(path, images, several=num_images > 1, pyramid=pyramid)
    elif suffix == ".png":
        from pipelines.results.png_writing import write_png

        for image in images:
            write_png(path, image)
    elif placed and num_images == 1:
        from pipelines.results.geotiff_writing import write_geotiff

        for image in images:
            write_geotiff(path, image, pyramid=pyramid)
    else:
        from pipelines.results.tiff_writing import write_tiff

        write_tiff(
            *(path, images),
            num_images=num_images,
            num_bytes=num_bytes,
            pyramid=pyramid,
            ome=ome,
        )
