"""`segment`: sends images through a running server, masks come back.

The server may be TensorFlow Serving or the development server. Images travel as the
bytes of PNG or JPEG files, which is thirty times as quick as lists of numbers.
"""

import base64
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import imagecodecs
import requests
import tqdm

from pipelines.config import SegmentConfig
from pipelines.images import ImageEntry, find_images, read_image
from pipelines.images.finding import TIFF_SUFFIXES
from pipelines.images.writing import (
    encode_png,
    encode_tiff,
    fits_png,
    output_paths,
    write_bytes_atomically,
)

SIGNATURE = "image_bytes"
OUTPUT = "mask_bytes"
_URL = re.compile(r"https?://[^/]+/v1/models/[^/:]+(/versions/[0-9]+)?")
# What files begin with; their names may err.
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def segment(config: SegmentConfig) -> list[Path]:
    """Sends images through a server and writes the masks.

    PNG and JPEG files go as they are, one a request; pages of a TIFF go as PNG. The
    first error ends it; files that are written stay, and each is whole.

    Returns:
        The files written: STEM.png, or STEM.tif for TIFF input.

    Raises:
        ValueError: no image is found, the server cannot be reached or is not ready,
            or it refuses an image.
    """
    entries = find_images(config.images)
    targets = output_paths(entries, config.out)
    url = _checked_url(config.url)
    _check_available(url, config.timeout)
    written = []
    # disable=None: quiet where standard error is not a terminal.
    with tqdm.tqdm(total=len(entries), unit="image", disable=None) as progress:
        for target, group in groupby(
            zip(targets, entries, strict=True), key=lambda pair: pair[0]
        ):
            masks = []
            for _, entry in group:
                masks.append(_segment_entry(url, entry, config.timeout))
                progress.update()
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(target, _file_content(target, masks))
            written.append(target)
    return written


def segment_image(url: str, data: bytes, timeout: float = 300.0) -> bytes:
    """Sends one image.

    Args:
        url: http://HOST:PORT/v1/models/NAME.
        data: a PNG or JPEG file.
        timeout: seconds to wait for the answer.

    Returns:
        The mask: a PNG file of the image's height and width.

    Raises:
        ValueError: the server cannot be reached, refuses, or answers with no mask.
    """
    encoded = base64.b64encode(data).decode("ascii")
    request = {"signature_name": SIGNATURE, "instances": [{"b64": encoded}]}
    answer = _ask("POST", f"{url}:predict", timeout, json=request)
    predictions = answer.get("predictions")
    mask = predictions[0] if isinstance(predictions, list) and predictions else None
    if isinstance(mask, dict):
        # With a single output the value stands without its name.
        mask = mask.get(OUTPUT, mask)
    try:
        content = base64.b64decode(mask["b64"], validate=True)  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        content = b""
    if not content.startswith(_PNG):
        raise ValueError(
            f"{url}: expected a PNG as {OUTPUT} from the signature {SIGNATURE}, got "
            "another answer. Serve a model that `keras-unet export` wrote."
        )
    return content


def _segment_entry(url: str, entry: ImageEntry, timeout: float) -> bytes:
    data = _image_file(entry)
    try:
        return segment_image(url, data, timeout)
    except ValueError as error:
        raise ValueError(f"{entry.name}: {error}") from error


def _image_file(entry: ImageEntry) -> bytes:
    """The image as a PNG or JPEG file: its own bytes, where it is one."""
    if entry.path.suffix.lower() not in TIFF_SUFFIXES:
        data = entry.path.read_bytes()
        if data.startswith((_PNG, _JPEG)):
            return data
    image = read_image(entry)
    if not fits_png(image):
        raise ValueError(
            f"{entry.name}: images travel as PNG, which holds uint8 or uint16 of 1 to "
            f"4 channels, got {image.dtype} of shape {image.shape}. Convert the image."
        )
    return encode_png(image)


def _file_content(target: Path, masks: list[bytes]) -> bytes:
    if target.suffix.lower() not in TIFF_SUFFIXES:
        return masks[0]
    return encode_tiff([imagecodecs.png_decode(mask) for mask in masks])


def _checked_url(url: str) -> str:
    url = url.rstrip("/")
    if not _URL.fullmatch(url):
        raise ValueError(
            f"url must be http://HOST:PORT/v1/models/NAME, got {url!r}; `keras-unet "
            "serve` tells the address of what it serves."
        )
    return url


def _check_available(url: str, timeout: float) -> None:
    statuses = _ask("GET", url, timeout).get("model_version_status")
    if not isinstance(statuses, list):
        raise ValueError(
            f"{url} answers, but not as TensorFlow Serving does. Correct the address."
        )
    # A known model answers with 200 in every state, also when no version loaded.
    if not any(status.get("state") == "AVAILABLE" for status in statuses):
        states = "; ".join(
            f"version {status.get('version')} is {status.get('state')} "
            f"{status.get('status', {}).get('error_message', '')}".strip()
            for status in statuses
        )
        raise ValueError(
            f"{url}: no version is available ({states}). Wait for it to load, or "
            "export the model again, which adds a version."
        )


def _ask(method: str, url: str, timeout: float, **request: Any) -> dict[str, Any]:
    try:
        answer = requests.request(method, url, timeout=timeout, **request)
    except requests.Timeout as error:
        raise ValueError(
            f"{url} did not answer within {timeout:g} seconds. Raise --timeout, or "
            "send smaller images."
        ) from error
    except requests.RequestException as error:
        raise ValueError(
            f"{url}: the server cannot be reached or broke off ({_reason(error)}). "
            "Start it with `keras-unet serve` and wait until it is ready, or correct "
            "the address."
        ) from error
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    if answer.status_code != 200:
        words = str(document.get("error") or answer.reason)
        raise ValueError(
            f"{url} answered {answer.status_code}: {' '.join(words.split())} "
            f"{_way_out(answer.status_code, words)}"
        )
    return document


def _way_out(status: int, words: str) -> str:
    if "signature" in words:
        return "Serve a model that `keras-unet export` wrote."
    if status == 404:
        return "Correct the model's name or version in the address."
    if status == 400:
        return "Convert or remove the image that it refuses."
    return "Look at the server's messages."


def _reason(error: requests.RequestException) -> str:
    """The innermost reason: requests wraps it in the words of two libraries."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return str(cause) or type(cause).__name__
