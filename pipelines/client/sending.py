"""An image file as one request; or not, where it has to be cut into regions."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from pipelines.client.failures import Kind, ServerFailure
from pipelines.client.service import Service, mask_of_file
from pipelines.images import ImageEntry, WindowedImage, open_image
from pipelines.images.damage import JPEG_SIGNATURE, PNG_SIGNATURE, reading
from pipelines.images.done_files import DoneFiles
from pipelines.images.layout import ImageLayout
from pipelines.images.png_writing import png_holds
from pipelines.images.writing import encode_png


@dataclasses.dataclass(frozen=True)
class SentImage:
    """An image that was sent, or is to be sent as regions.

    Attributes:
        entry: the image.
        key: what its result depends on, as it was before it was read.
        service: answers for its regions.
        mask: a PNG, if it went as a whole.
        error: why it failed.
    """

    entry: ImageEntry
    key: str = ""
    service: Service | None = None
    mask: bytes | None = None
    error: ValueError | None = None


def send_image(
    served: Callable[[], Service], done: DoneFiles, entry: ImageEntry
) -> SentImage:
    """Sends an image if it can go as one file.

    Args:
        served: returns who answers for it.
        done: makes its key.
        entry: the image.

    Raises:
        ServerFailure: other images would fail as well.
    """
    try:
        with naming(entry):
            key = done.key(entry.path)
            service = served()
            with open_image(entry) as image:
                service.check_channels(image)
                if service.about is not None and not service.takes_whole(image):
                    return SentImage(entry, key, service)
                data = _file_content(entry, image)
            return SentImage(entry, key, service, mask_of_file(service.pool, data))
    except ServerFailure as failure:
        # Another version may answer for it.
        if failure.kind is not Kind.GONE:
            raise
        return SentImage(entry, error=failure)
    except ValueError as error:
        return SentImage(entry, error=error)


@contextlib.contextmanager
def naming(entry: ImageEntry) -> Iterator[None]:
    """Puts the image's name before an error that does not have it.

    Raises:
        ServerFailure: other images would fail as well.
        ValueError: this one failed.
    """
    try:
        yield
    except ServerFailure as failure:
        text = f"{entry.name}: {failure}"
        if not failure.of_request:
            raise ServerFailure(text, failure.kind, failure.status) from failure
        raise ValueError(text) from failure
    except ValueError as error:
        if entry.name in str(error):
            raise
        raise ValueError(f"{entry.name}: {error}") from error


def _file_content(entry: ImageEntry, image: WindowedImage) -> bytes:
    """The image as a PNG or JPEG file: its own bytes, where it is one."""
    if entry.path.is_file() and entry.page is None:
        with (
            reading(entry.name, entry.path, "PNG or JPEG"),
            entry.path.open("rb") as file,
        ):
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
