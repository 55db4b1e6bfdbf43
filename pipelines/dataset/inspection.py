"""One pass over an image and its mask: all that a data check needs to know of them."""

import dataclasses

from pipelines.dataset import findings, mask_values, pair_findings
from pipelines.dataset.findings import Finding
from pipelines.dataset.image_pass import ImageSeen, as_bytes, new_digest
from pipelines.dataset.pairing import Pair
from pipelines.dataset.value_counts import MOST_VALUES, TooManyValues, ValueCounts
from pipelines.images import (
    ArrayCache,
    WindowedImage,
    blocks,
    open_image,
    open_mask,
)
from pipelines.images.lossy import lossy_compression
from pipelines.images.orientation import AS_STORED
from pipelines.images.windowed import PixelSize, as_length

# Formats in which a second or fourth channel is transparency.
ALPHA_SUFFIXES = (".png", ".webp", ".bmp")
# A mask of so many values is refused at once if it looks smoothed: the counts of many
# such masks would fill the memory.
MANY_VALUES = 4096


@dataclasses.dataclass(frozen=True)
class ImageFacts:
    """What one read of a pair tells.

    Attributes:
        height: of the image, pixels.
        width: of the image, pixels.
        channels: of the image as the net takes it (without alpha).
        dtype: of the image file.
        mean: of each channel, as `scaling.scale` takes it.
        std: of each channel, as `scaling.scale` takes it; 1 where it is constant.
        mask_counts: how many pixels of the mask have each value, or colour as
            0xRRGGBB.
        digest: hash of the pixels of image and mask.
        image_digest: hash of the pixels of the image.
        mask_runs: see `MaskValues.runs`.
        mask_in_colour: the mask has pixels that are not grey.
        pixel_size: of the image, if the file says it with a unit.
        has_alpha: the last of the channels says how transparent the others are.
        mask_colours: of the values of a mask with a palette, as 0xRRGGBB.
    """

    height: int
    width: int
    channels: int
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mask_counts: dict[int, int]
    digest: str
    image_digest: str = ""
    mask_runs: int = 0
    mask_in_colour: bool = False
    pixel_size: PixelSize | None = None
    has_alpha: bool = False
    mask_colours: dict[int, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Inspection:
    """A pair that was read.

    Attributes:
        facts: None if it could not be read, or image and mask do not fit.
        findings: what is wrong with it.
    """

    facts: ImageFacts | None
    findings: tuple[Finding, ...]


def inspect(
    pair: Pair,
    *,
    how: str = "per_image",
    in_colour: bool = False,
    cache: ArrayCache | None = None,
) -> Inspection:
    """Reads an image and its mask block by block.

    Args:
        pair: image and mask.
        how: pixels are scaled: "per_image" or "dtype".
        in_colour: masks are counted by their colours, also grey ones.
        cache: of decoded images.
    """
    try:
        with open_image(pair.image, cache) as image:
            channels = _channels(image, pair)
            seen = ImageSeen(image, channels, how)
    except (ValueError, OSError) as problem:
        unread = findings.unreadable(pair.image.name, problem)
        # The mask is looked at all the same: its faults are to be told as well.
        return Inspection(None, (unread, *_MaskSeen(pair, in_colour, cache).findings))
    mask = _MaskSeen(pair, in_colour, cache)
    found = [*seen.findings, *mask.findings]
    # Of a stack its first page stands for all.
    shown = AS_STORED if pair.image.page else image.orientation
    if shown != AS_STORED:
        found.append(pair_findings.turned(pair.image.name, shown))
    if mask.size is not None and mask.size != seen.size:
        found.append(pair_findings.other_size(pair, seen.size, mask.size))
    found += pair_findings.other_place(pair, seen.place, mask.place)
    if findings.errors(found):
        return Inspection(None, tuple(found))
    image_digest = seen.digest.hexdigest()
    seen.digest.update(mask.digest.digest())
    facts = ImageFacts(
        height=image.height,
        width=image.width,
        channels=channels,
        dtype=str(image.dtype),
        mean=tuple(seen.mean.tolist()),
        std=tuple(seen.std.tolist()),
        mask_counts=mask.counts,
        digest=seen.digest.hexdigest(),
        image_digest=image_digest,
        mask_runs=mask.runs,
        mask_in_colour=mask.in_colour,
        pixel_size=seen.place.pixel_size,
        has_alpha=image.has_alpha and channels == image.channels,
        mask_colours=mask.colours,
    )
    return Inspection(facts, tuple(found))


class _MaskSeen:
    """One pass over a mask; what is wrong goes into `findings`."""

    def __init__(self, pair: Pair, in_colour: bool, cache: ArrayCache | None) -> None:
        self.size: tuple[int, int] | None = None
        self.place = pair_findings.Place()
        self.counts: dict[int, int] = {}
        self.colours: dict[int, int] = {}
        self.runs, self.in_colour = 0, False
        self.findings: list[Finding] = []
        name = pair.mask.name
        try:
            with open_mask(pair.mask, cache) as mask:
                if (compression := lossy_compression(pair.mask.path)) is not None:
                    self.findings.append(pair_findings.lossy(name, compression))
                    return
                self._read(mask, in_colour)
        except TooManyValues:
            self.findings.append(
                pair_findings.no_mask(name, f"more than {MOST_VALUES}")
            )
        except (ValueError, OSError) as problem:
            self.findings.append(findings.unreadable(name, problem))

    def _read(self, mask: WindowedImage, in_colour: bool) -> None:
        self.size = mask.height, mask.width
        self.place = pair_findings.Place(as_length(mask.pixel_size), mask.georeference)
        self.digest = new_digest(mask)
        as_colours = in_colour or mask.channels == 3
        counts = ValueCounts()
        for _, _, pixels in blocks(mask):
            self.digest.update(as_bytes(pixels))
            if mask.channels == 3 and pixels.max() > 255:
                raise ValueError(
                    "a mask in colour must have 8 bits, got values up to "
                    f"{pixels.max()}. Write class ids into a grey image."
                )
            counts.add(mask_values.numbers_of(pixels, in_colour=as_colours))
        self.counts, self.runs = counts.counts, counts.runs
        if as_colours and not in_colour:
            self.in_colour = not all(map(mask_values.is_grey, self.counts))
            if not self.in_colour:
                self.counts = {value & 0xFF: n for value, n in self.counts.items()}
        if mask.palette is not None and not in_colour:
            colours = mask_values.numbers_of(mask.palette[None], in_colour=True).ravel()
            used = sorted(value for value in self.counts if value < len(colours))
            self.colours = {value: int(colours[value]) for value in used}
        if len(self.counts) > MANY_VALUES:
            values = mask_values.MaskValues(mask.name, self.counts, self.runs)
            if values.looks_smoothed or not values.has_objects:
                self.findings.append(
                    pair_findings.no_mask(mask.name, str(len(self.counts)))
                )


def _channels(image: WindowedImage, pair: Pair) -> int:
    """Returns the channels without alpha, which says nothing of the object."""
    has_alpha = pair.image.path.suffix.lower() in ALPHA_SUFFIXES
    return image.channels - (has_alpha and image.channels in (2, 4))
