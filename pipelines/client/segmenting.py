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
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import imagecodecs
import numpy as np
import tqdm

from pipelines.client.about import About, ask_about, string_array
from pipelines.client.addresses import parse_addresses
from pipelines.client.connecting import connect
from pipelines.client.golden import GoldenReport, check_golden
from pipelines.client.in_order import in_order
from pipelines.client.pool import ServerPool
from pipelines.client.regions import mask_windows, plan_regions
from pipelines.client.server import only
from pipelines.config import SegmentConfig
from pipelines.images import ImageEntry, WindowedImage, find_images, open_image
from pipelines.images.appearing import appearing
from pipelines.images.derived import MatchedChannels
from pipelines.images.finding import TIFF_SUFFIXES
from pipelines.images.layout import ImageLayout, ImageToWrite
from pipelines.images.png_writing import png_holds
from pipelines.images.reading import CHANNELS_OF_FILES
from pipelines.images.windowed_writing import write_windowed
from pipelines.images.writing import (
    encode_png,
    output_paths,
    tiff_instead,
    write_bytes_atomically,
)

SIGNATURE = "image_bytes"
OUTPUT = "mask_bytes"
# What files begin with; their names may err.
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def segment(config: SegmentConfig) -> list[Path] | GoldenReport:
    """Sends images through servers and writes the masks, or checks what they serve.

    PNG and JPEG files go as they are, one a request; other images as PNG; images
    beyond the servers' limit in regions. The first error ends it; files that are
    written stay, and each is whole.

    Returns:
        The files written: STEM.png, or STEM.tif for TIFF input and for masks that are
        too large for a PNG. With `check`, what was checked.

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
        with ThreadPoolExecutor(pool.num_requests) as executor:
            return _segment_files(pool, executor, entries, targets)


def segment_image(url: str, data: bytes, timeout: float = 300.0) -> bytes:
    """Sends one image.

    Args:
        url: http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME, or several,
            separated by commas.
        data: a PNG or JPEG file.
        timeout: seconds to wait for the answer.

    Returns:
        The mask: a PNG file of the image's height and width.

    Raises:
        ValueError: the server cannot be reached, refuses, or answers with no mask.
    """
    servers = [connect(address, timeout) for address in parse_addresses(url)]
    with contextlib.closing(ServerPool(servers, 0)) as pool:
        return _mask_of_file(pool, data)


def _mask_of_file(pool: ServerPool, data: bytes) -> bytes:
    masks = only(pool.predict(SIGNATURE, {"image_bytes": string_array([data])}), OUTPUT)
    mask = None if masks is None or not len(masks) else masks[0]
    if not isinstance(mask, bytes) or not mask.startswith(_PNG):
        raise ValueError(
            f"{pool.servers[0].address.text}: expected a PNG as {OUTPUT} from the "
            f"signature {SIGNATURE}, got another answer. Serve a model that "
            "`keras-unet export` wrote."
        )
    return mask


@dataclasses.dataclass(frozen=True)
class _Sent:
    """An image, and its mask as a PNG if it went as a whole."""

    entry: ImageEntry
    mask: bytes | None


def _segment_files(
    pool: ServerPool,
    executor: Executor,
    entries: list[ImageEntry],
    targets: list[Path],
) -> list[Path]:
    about = ask_about(pool)
    counts = collections.Counter(targets)
    send = functools.partial(_send_whole, pool, about)
    written = []
    # disable=None: quiet where standard error is not a terminal.
    with tqdm.tqdm(total=len(entries), unit="image", disable=None) as progress:
        masks = in_order(executor, send, entries, pool.num_requests)
        pairs = zip(targets, masks, strict=True)
        for target, group in groupby(pairs, key=lambda pair: pair[0]):
            sent = (one for _, one in group)
            written.append(
                _write(target, counts, sent, pool, executor, about, progress)
            )
    return written


def _send_whole(pool: ServerPool, about: About | None, entry: ImageEntry) -> _Sent:
    with _named(entry):
        with contextlib.closing(open_image(entry)) as image:
            if about is not None and not _goes_whole(image, about):
                return _Sent(entry, None)
            data = _file_content(entry, image)
        return _Sent(entry, _mask_of_file(pool, data))


def _goes_whole(image: WindowedImage, about: About) -> bool:
    # Other models have no signature for files.
    if about.channels not in CHANNELS_OF_FILES:
        return False
    limit = about.pixel_limit
    small = limit is None or image.height * image.width <= limit
    return small and png_holds(_layout(image, image.channels, image.dtype))


def _file_content(entry: ImageEntry, image: WindowedImage) -> bytes:
    """The image as a PNG or JPEG file: its own bytes, where it is one."""
    if entry.path.is_file() and entry.page is None:
        with entry.path.open("rb") as file:
            start = file.read(len(_PNG))
            if start.startswith((_PNG, _JPEG)):
                return start + file.read()
    pixels = image.whole()
    if not png_holds(_layout(image, image.channels, image.dtype)):
        raise ValueError(
            "images travel as PNG to a model without the signature about, which holds "
            f"uint8 or uint16 of 1 to 4 channels, got {image.dtype} of shape "
            f"{pixels.shape}. Convert the image, or export the model again."
        )
    return encode_png(pixels)


def _write(
    target: Path,
    counts: Mapping[Path, int],
    sent: Iterator[_Sent],
    pool: ServerPool,
    executor: Executor,
    about: About | None,
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
        for one in (first, *sent):
            with _named(one.entry):
                yield from _image_to_write(one, pool, executor, about)
            progress.update()

    if not is_tiff:
        with contextlib.closing(open_image(first.entry)) as image:
            if not png_holds(_layout(image, 1, np.dtype(np.uint8))):
                target = tiff_instead(target, first.entry.path, counts)
    with appearing(target) as partial:
        write_windowed(
            partial, target.suffix.lower(), images(), num_images=counts.get(target, 1)
        )
    return target


def _image_to_write(
    sent: _Sent, pool: ServerPool, executor: Executor, about: About | None
) -> Iterator[ImageToWrite]:
    """Yields one image; its file is open until the next is asked for."""
    with contextlib.closing(open_image(sent.entry)) as image:
        layout = _layout(image, 1, np.dtype(np.uint8))
        if sent.mask is not None:
            mask = imagecodecs.png_decode(sent.mask)[..., np.newaxis]
            yield ImageToWrite(layout, [(0, 0, mask)])
        elif about is not None:
            regions = plan_regions(image.height, image.width, about)
            matched = MatchedChannels(image, about.channels)
            windows = mask_windows(pool, executor, matched, about, regions)
            yield ImageToWrite(layout, windows)


def _layout(image: WindowedImage, channels: int, dtype: np.dtype) -> ImageLayout:
    return ImageLayout(
        image.height, image.width, channels, dtype, pixel_size=image.pixel_size
    )


@contextlib.contextmanager
def _named(entry: ImageEntry) -> Iterator[None]:
    """Puts the image's name before an error that does not have it."""
    try:
        yield
    except ValueError as error:
        if entry.name in str(error):
            raise
        raise ValueError(f"{entry.name}: {error}") from error
