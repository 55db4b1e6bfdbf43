"""The sentences for what may be wrong with one image or its mask."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.dataset import findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.no_data import NoData
from pipelines.dataset.pairing import Pair
from pipelines.images import WindowedImage
from pipelines.images.windowed import Georeference, PixelSize

# Programs round what they write of the size of a pixel: by so much of it.
ROUNDING = 1e-3
# Between two levels of a pyramid; sizes that are closer are slips.
LEAST_LEVEL, LEVEL_ROUNDING = 1.5, 0.01
# Of a pixel, that the corners of image and mask may lie apart.
APART = 0.1


def other_size(pair: Pair, image: tuple[int, int], mask: tuple[int, int]) -> Finding:
    """The mask has another size than its image."""
    way_out = "Give a mask of the image's size."
    if image == mask[::-1]:
        way_out = "Turn one of them by a quarter."
    elif _is_scaled(image, mask):
        way_out = (
            "It may have been drawn on another level of a slide: scale it to the "
            "image's size without smoothing (nearest neighbour)."
        )
    return findings.error(
        "size",
        pair.mask.name,
        f"the mask is {mask[0]}x{mask[1]} (height x width), but its image "
        f"{pair.image.name} is {image[0]}x{image[1]}.",
        way_out,
    )


def _is_scaled(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tells whether two sizes are levels of one pyramid, whose sides are rounded."""
    large, small = max(one, other), min(one, other)
    factor = large[0] / small[0]
    bent = abs(small[1] * factor / large[1] - 1)
    return factor >= LEAST_LEVEL and bent <= LEVEL_ROUNDING


class Place(NamedTuple):
    """What a file says of where its pixels lie; None where it says nothing."""

    pixel_size: PixelSize | None = None
    georeference: Georeference | None = None


def other_place(pair: Pair, image: Place, mask: Place) -> list[Finding]:
    """Image and mask say that their pixels are not the same places."""
    told = []
    if image.georeference and mask.georeference:
        if image.georeference.crs != mask.georeference.crs:
            told.append("another coordinate reference system")
        elif not _same_place(image.georeference.transform, mask.georeference.transform):
            told.append("another place on the Earth")
    elif image.pixel_size and mask.pixel_size:
        one, other = image.pixel_size, mask.pixel_size
        sizes = (one.height, one.width), (other.height, other.width)
        if one.unit == other.unit and not np.allclose(*sizes, rtol=ROUNDING, atol=0):
            told.append("another size of a pixel")
    return [
        findings.warning(
            "place",
            pair.mask.name,
            f"the mask has {what} than its image {pair.image.name}.",
            "Check that both show the same area; correct the mask or its metadata.",
        )
        for what in told
    ]


def _same_place(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tells whether two transforms of `Georeference` are one, but for rounding."""
    steps, others = ([six[0], six[1], six[3], six[4]] for six in (one, other))
    pixel = max(map(abs, steps))
    corners = np.abs(np.subtract([one[2], one[5]], [other[2], other[5]]))
    same_steps = np.allclose(steps, others, rtol=0, atol=ROUNDING * pixel)
    return bool(same_steps and (corners <= APART * pixel).all())


def not_finite(image: WindowedImage, number: int) -> Finding:
    """Some pixels are no numbers."""
    return findings.error(
        "not-finite",
        image.name,
        f"holds {number} NaN or infinite values.",
        "Replace them with one from within the range, as numpy.nan_to_num does.",
    )


def too_large(image: WindowedImage) -> Finding:
    """Pixel values whose statistics float32 cannot hold."""
    return findings.error(
        "too-large",
        image.name,
        "holds pixel values beyond the range of float32.",
        "Divide them by a constant.",
    )


def no_data(found: NoData, *, is_scaled: bool) -> Finding:
    """Pixels of which the file says that nothing is known.

    Args:
        found: of the image.
        is_scaled: the image is, by its mean and standard deviation.
    """
    where, way_out = "", ""
    if is_scaled:
        where = " in its mean and standard deviation"
        way_out = (
            "Fill them with a value from within the range, cut the image, or take "
            "scaling dtype, which no pixel changes. "
        )
    return findings.warning(
        "no-data",
        found.name,
        f"{100 * found.share:.2g} % of its pixels are {found.kind}, and count{where} "
        "like any other.",
        f"{way_out}Unless they are marked in the mask, mark them there to leave them "
        "out of the training (ignore_value).",
    )


def float_range(image: WindowedImage, low: float, high: float) -> Finding:
    """Floats that are not scaled lie far from what a net takes well."""
    return findings.warning(
        "float-range",
        image.name,
        f"pixels are {image.dtype} from {low:.4g} to {high:.4g}, and scaling dtype "
        "leaves floats as they are; a net learns badly from values far from 0 to 1.",
        "Use scaling per_image, or divide all images by one number.",
    )


def constant(image: WindowedImage, value: np.ndarray) -> Finding:
    """All pixels of an image are the same."""
    return findings.warning(
        "constant",
        image.name,
        f"all pixels have the value {', '.join(map(str, value.tolist()))}: there is "
        "nothing to be seen.",
        "Look at the image; leave it out if it is broken.",
    )


def turned(name: str, number: int) -> Finding:
    """The file says that the image is to be shown otherwise than it is stored."""
    return findings.warning(
        "orientation",
        name,
        f"is to be shown turned or mirrored (EXIF orientation {number}), but is read "
        "as it is stored; a mask that was drawn on what viewers show does not fit.",
        "If it was, turn the image and save it anew (PIL.ImageOps.exif_transpose); if "
        "it fits, remove the tag from the image.",
    )


def lossy(name: str, compression: str) -> Finding:
    """The mask is compressed so that values change, as "JPEG"."""
    return findings.error(
        "jpeg-mask" if compression == "JPEG" else "lossy-mask",
        name,
        f"a {compression} is no mask: its compression changes values along every edge.",
        "Write the mask as PNG or TIFF without loss from its source; one that exists "
        f"as {compression} only must be thresholded and looked at.",
    )


def no_mask(name: str, number: str) -> Finding:
    """The mask has more values than any mask."""
    return findings.error(
        "no-ids",
        name,
        f"has {number} different values: this is an image, not a mask.",
        "Name masks of ids or of two values.",
    )
