"""The verb `segment`: image files in, mask files out, through running servers.

Images travel as the bytes of PNG or JPEG files, which is thirty times as quick as lists
of numbers; those that are too large for the servers, or that PNG cannot hold, as
regions.
"""

import collections
import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import imagecodecs
import numpy as np
import tqdm

from pipelines.client.addresses import parse_addresses
from pipelines.client.connecting import connect
from pipelines.client.golden import GoldenReport, check_golden
from pipelines.client.in_order import in_order
from pipelines.client.pool import ServerPool
from pipelines.client.service import Service, at_work, mask_of_file
from pipelines.config import SegmentConfig
from pipelines.images import ImageEntry, WindowedImage, find_images, open_image
from pipelines.images.appearing import appearing
from pipelines.images.damage import JPEG_SIGNATURE, PNG_SIGNATURE
from pipelines.images.finding import TIFF_SUFFIXES
from pipelines.images.layout import ImageLayout, ImageToWrite, Window
from pipelines.images.png_writing import png_holds
from pipelines.images.windowed_writing import write_windowed
from pipelines.images.writing import (
    encode_png,
    output_paths,
    tiff_instead,
    write_bytes_atomically,
)


def segment(config: SegmentConfig) -> list[Path] | GoldenReport:
    """Sends images through servers and writes the masks, or checks what they serve.

    PNG and JPEG files go as they are, one a request; other images as PNG; images
    beyond the servers' limit in regions. The first error ends it; files that are
    written stay, and each is whole.

    Returns:
        The files written: STEM.png, or STEM.tif for TIFF input, for stacks and for
        masks that are too large for a PNG. With `check`, what was checked.

    Raises:
        ValueError: no image is found, no server can be reached or is ready, or it
            refuses an image; with `check`, the answers differ.
    """
    servers = [
        connect(address, config.timeout) for address in parse_addresses(config.url)
    ]
    pool = ServerPool(servers, config.retries)
    with contextlib.closing(pool):
        if config.check is not None:
            return check_golden(servers, config.retries, Path(config.check))
        entries = find_images(str(config.images))
        targets = output_paths(entries, str(config.out))
        pool.check()
        with at_work(pool) as service:
            return _segment_files(service, entries, targets)


@dataclasses.dataclass(frozen=True)
class _Sent:
    """An image, and its mask as a PNG if it went as a whole."""

    entry: ImageEntry
    mask: bytes | None


def _segment_files(
    service: Service, entries: list[ImageEntry], targets: list[Path]
) -> list[Path]:
    counts = collections.Counter(targets)
    send = functools.partial(_send_whole, service)
    written = []
    # disable=None: quiet where standard error is not a terminal.
    with tqdm.tqdm(total=len(entries), unit="image", disable=None) as progress:
        masks = in_order(service.executor, send, entries, service.pool.num_requests)
        pairs = zip(targets, masks, strict=True)
        for target, group in groupby(pairs, key=lambda pair: pair[0]):
            sent = (one for _, one in group)
            written.append(_write(service, target, counts, sent, progress))
    return written


def _send_whole(service: Service, entry: ImageEntry) -> _Sent:
    with _named(entry):
        with contextlib.closing(open_image(entry)) as image:
            if service.about is not None and not service.takes_whole(image):
                return _Sent(entry, None)
            data = _file_content(entry, image)
        return _Sent(entry, mask_of_file(service.pool, data))


def _file_content(entry: ImageEntry, image: WindowedImage) -> bytes:
    """The image as a PNG or JPEG file: its own bytes, where it is one."""
    if entry.path.is_file() and entry.page is None:
        with entry.path.open("rb") as file:
            # By what it begins with, for its name may err.
            start = file.read(len(PNG_SIGNATURE))
            if start.startswith((PNG_SIGNATURE, JPEG_SIGNATURE)):
                return start + file.read()
    pixels = image.whole()
    if not png_holds(ImageLayout.of(image, image.channels, image.dtype)):
        raise ValueError(
            "images travel as PNG to a model without the signature about, which holds "
            f"uint8 or uint16 of 1 to 4 channels, got {image.dtype} of shape "
            f"{pixels.shape}. Convert the image, or export the model again."
        )
    return encode_png(pixels)


def _write(
    service: Service,
    target: Path,
    counts: Mapping[Path, int],
    sent: Iterator[_Sent],
    progress: tqdm.tqdm,
) -> Path:
    """Writes the masks of one file's images; returns the name of what is written.

    `counts` are how many images go into each file.
    """
    first = next(sent)
    is_tiff = target.suffix.lower() in TIFF_SUFFIXES
    if not is_tiff and first.mask is not None:
        write_bytes_atomically(target, first.mask)
        progress.update()
        return target

    def images() -> Iterator[ImageToWrite]:
        for part in (first, *sent):
            with _named(part.entry):
                yield from _image_to_write(service, part)
            progress.update()

    if not is_tiff:
        with contextlib.closing(open_image(first.entry)) as image:
            if not png_holds(ImageLayout.of(image, 1, np.dtype(np.uint8))):
                target = tiff_instead(target, first.entry.path, counts)
    with appearing(target) as partial:
        write_windowed(
            partial, target.suffix.lower(), images(), num_images=counts.get(target, 1)
        )
    return target


def _image_to_write(service: Service, sent: _Sent) -> Iterator[ImageToWrite]:
    """Yields one image; its file is open until the next is asked for."""
    with contextlib.closing(open_image(sent.entry)) as image:
        layout = ImageLayout.of(image, 1, np.dtype(np.uint8))
        if sent.mask is not None:
            mask = imagecodecs.png_decode(sent.mask)[..., np.newaxis]
            yield ImageToWrite(layout, [(0, 0, mask)])
        else:
            windows = _named_windows(sent.entry, service.mask_windows(image))
            yield ImageToWrite(layout, windows)


def _named_windows(entry: ImageEntry, windows: Iterator[Window]) -> Iterator[Window]:
    """Yields windows, and names the image where they fail: they are taken elsewhere."""
    with _named(entry):
        yield from windows


@contextlib.contextmanager
def _named(entry: ImageEntry) -> Iterator[None]:
    """Puts the image's name before an error that does not have it."""
    try:
        yield
    except ValueError as error:
        if entry.name in str(error):
            raise
        raise ValueError(f"{entry.name}: {error}") from error
