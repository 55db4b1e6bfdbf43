"""One pass over the pixels of an image."""

import hashlib

import numpy as np

from pipelines import scaling
from pipelines.dataset import findings, pair_findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.no_data import WatchedImage
from pipelines.images import WindowedImage, blocks
from pipelines.images.derived import MatchedChannels
from pipelines.images.moments import Moments
from pipelines.images.windowed import as_length

DIGEST_BYTES = 16
# Floats beyond so much, or of a range below its inverse, are far from 0 to 1.
FAR_FROM_UNIT = 10.0
_LARGEST = float(np.finfo(np.float32).max)


class ImageSeen:
    """What one pass over an image shows.

    Args:
        image: is read block by block.
        channels: of it that count, without alpha.
        how: pixels are scaled: "per_image" or "dtype".

    Attributes:
        size: height and width.
        place: in the world.
        digest: of the pixels; may be added to.
        mean: of each channel, as `scaling.scale` takes it.
        std: likewise.
        findings: what is wrong.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, image: WindowedImage, channels: int, how: str) -> None:
        watched = WatchedImage(image)
        image = MatchedChannels(watched, channels)
        self.size = image.height, image.width
        self.place = pair_findings.Place(
            as_length(image.pixel_size), image.georeference
        )
        self.digest = new_digest(image)
        self.findings: list[Finding] = []
        self._not_finite, self._too_large = 0, False
        self._low, self._high = np.inf, -np.inf
        moments = Moments(image.channels, image.dtype)
        first: np.ndarray | None = None
        constant = True
        for _, _, pixels in blocks(image):
            self.digest.update(as_bytes(pixels))
            self._look_at(pixels)
            if not self._not_finite and how == "per_image":
                moments.add(pixels)
            first = pixels[0, 0].copy() if first is None else first
            constant = constant and bool((pixels == first).all())
        statistics = scaling.dtype_statistics(image.dtype, image.channels)
        doubt = None
        if how == "per_image" and not self._not_finite:
            statistics = scaling.statistics_of_moments(moments)
            doubt = scaling.doubt_of_digits(moments, image.dtype)
        self.mean, self.std = statistics
        if self._not_finite:
            self.findings.append(pair_findings.not_finite(image, self._not_finite))
        elif self._too_large or not np.isfinite([self.mean, self.std]).all():
            self.findings.append(pair_findings.too_large(image))
        elif constant and first is not None:
            self.findings.append(pair_findings.constant(image, first))
        elif doubt is not None:
            self.findings.append(findings.warning("lost-digits", image.name, doubt, ""))
        elif how == "dtype" and image.dtype.kind == "f" and self._is_far_from_unit:
            finding = pair_findings.float_range(image, self._low, self._high)
            self.findings.append(finding)
        if (no_data := watched.no_data()) is not None:
            finding = pair_findings.no_data(no_data, is_scaled=how == "per_image")
            self.findings.append(finding)

    @property
    def _is_far_from_unit(self) -> bool:
        is_large = max(-self._low, self._high) > FAR_FROM_UNIT
        return is_large or self._high - self._low < 1 / FAR_FROM_UNIT

    def _look_at(self, pixels: np.ndarray) -> None:
        if pixels.dtype.kind == "f":
            finite = np.count_nonzero(np.isfinite(pixels))
            self._not_finite += pixels.size - int(finite)
            if not self._not_finite:
                self._low = min(self._low, float(pixels.min()))
                self._high = max(self._high, float(pixels.max()))
                self._too_large = max(-self._low, self._high) > _LARGEST


def new_digest(image: WindowedImage) -> "hashlib.blake2b":
    """Returns a hash that has seen the shape and the type of an image."""
    dtype = image.dtype.newbyteorder("=")
    shape = f"{image.height} {image.width} {image.channels} {dtype}"
    return hashlib.blake2b(shape.encode(), digest_size=DIGEST_BYTES)


def as_bytes(pixels: np.ndarray) -> memoryview:
    """Returns pixels as bytes, whatever the byte order of their file."""
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return pixels.reshape(-1).view(np.uint8).data
