"""Masks of images that were sent, as files."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Collection, Iterator

import imagecodecs
import numpy as np

from pipelines.client.sending import SentImage, naming
from pipelines.images import ImageEntry, WindowedImage, open_image
from pipelines.images.appearing import appearing
from pipelines.images.done_files import DoneFiles
from pipelines.images.kinds import TIFF_SUFFIXES
from pipelines.images.layout import ImageLayout, ImageToWrite, Window
from pipelines.images.own_results import OwnResults
from pipelines.images.png_writing import png_holds
from pipelines.images.windowed_writing import write_windowed
from pipelines.images.writing import tiff_instead


def write_masks(
    target: pathlib.Path,
    taken: Collection[pathlib.Path],
    sent: Iterator[SentImage],
    num_images: int,
    own: OwnResults,
    done: DoneFiles,
) -> tuple[pathlib.Path, str]:
    """Writes the masks of one file's images; sends those that go as regions.

    Args:
        target: PNG, or TIFF of one image or more.
        taken: what other images are written to.
        sent: the images.
        num_images: how many they are.
        own: knows what may be replaced.
        done: records that the file is a result; not yet which model made it.

    Returns:
        The file that is written, a TIFF where a PNG cannot hold the mask, and what it
        depends on: the first image's key.

    Raises:
        ServerFailure: other images would fail as well.
        ValueError: an image failed, or what is there is no result.
        OSError: the file cannot be written.
    """
    first = _checked(next(sent))
    is_tiff = target.suffix.lower() in TIFF_SUFFIXES
    if not is_tiff and first.mask is not None:
        with _result(target, own, done) as partial:
            partial.write_bytes(first.mask)
        return target, first.key

    def images() -> Iterator[ImageToWrite]:
        yield from _image_to_write(first)
        for other in sent:
            yield from _image_to_write(_checked(other))

    with naming(first.entry), open_image(first.entry) as image:
        layout = _mask_layout(image)
    if not is_tiff and not png_holds(layout):
        target = tiff_instead(target, first.entry.path, taken)
    suffix = target.suffix.lower()
    placed = suffix in TIFF_SUFFIXES and layout.georeference is not None
    with _result(target, own, done) as partial:
        write_windowed(
            *(partial, suffix, images()),
            num_images=num_images,
            placed=placed,
            ome=target.stem.lower().endswith(".ome"),
        )
    return target, first.key


@contextlib.contextmanager
def _result(
    target: pathlib.Path, own: OwnResults, done: DoneFiles
) -> Iterator[pathlib.Path]:
    own.check(target)
    with appearing(target) as partial:
        yield partial
        done.mark(target, "", target, partial)


def _mask_layout(image: WindowedImage) -> ImageLayout:
    layout = ImageLayout.of(image, 1, np.dtype(np.uint8))
    return dataclasses.replace(layout, georeference=image.georeference)


def _checked(sent: SentImage) -> SentImage:
    if sent.error is not None:
        raise sent.error
    return sent


def _image_to_write(sent: SentImage) -> Iterator[ImageToWrite]:
    """Yields one image; its file is open until the next is asked for."""
    with naming(sent.entry), open_image(sent.entry) as image:
        layout = _mask_layout(image)
        if sent.mask is not None:
            yield ImageToWrite(layout, [(0, 0, _decoded(sent.mask))])
        elif sent.service is not None:
            windows = _named_windows(sent.entry, sent.service.mask_windows(image))
            yield ImageToWrite(layout, windows)


def _decoded(mask: bytes) -> np.ndarray:
    try:
        return imagecodecs.png_decode(mask)[..., np.newaxis]
    # Decoders raise errors of many kinds.
    except Exception as error:
        raise ValueError(
            f"the mask that a server answered with is no whole PNG ({error}). Look at "
            "what stands between, such as a proxy."
        ) from error


def _named_windows(entry: ImageEntry, windows: Iterator[Window]) -> Iterator[Window]:
    """Yields windows, and names the image where they fail: they are taken elsewhere."""
    with naming(entry):
        yield from windows
