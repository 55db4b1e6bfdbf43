"""The chain of pages in a TIFF: where each begins, and that it ends as it should."""

import struct
from typing import NamedTuple

from pipelines.images.handles import read_exactly

# tifffile's bound, too: more tags a page are damage.
_MOST_TAGS = 4096


class _Format(NamedTuple):
    byte_order: str
    first: int
    tag_count: str
    tag_bytes: int
    offset: str


def page_offsets(descriptor: int) -> list[int]:
    """Returns where the pages of an open file begin, in their order.

    tifffile reads a file that breaks off between two pages as a shorter stack, and may
    follow pages that point in a circle for ever: both are found here.

    Raises:
        ValueError: it is no TIFF, or the chain breaks off or is a circle.
    """
    form = _format(read_exactly(descriptor, 8, 0))
    offset = _number(descriptor, form.byte_order + form.offset, form.first)
    offsets: list[int] = []
    known = set()
    while offset:
        if offset in known:
            raise ValueError(f"its page {len(offsets)} is one of those before")
        try:
            following = _next_offset(descriptor, form, offset)
        except ValueError as error:
            place = f"after page {len(offsets) - 1}" if offsets else "before any page"
            raise ValueError(f"it breaks off {place}") from error
        known.add(offset)
        offsets.append(offset)
        offset = following
    if not offsets:
        raise ValueError("it has no pages")
    return offsets


def _format(start: bytes) -> _Format:
    byte_order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if byte_order is not None:
        (version,) = struct.unpack(byte_order + "H", start[2:4])
        if version == 42:
            return _Format(byte_order, 4, "H", 12, "I")
        if version == 43:
            return _Format(byte_order, 8, "Q", 20, "Q")
    raise ValueError("it does not begin as a TIFF")


def _next_offset(descriptor: int, form: _Format, offset: int) -> int:
    count = _number(descriptor, form.byte_order + form.tag_count, offset)
    if not 0 < count <= _MOST_TAGS:
        raise ValueError
    place = offset + struct.calcsize(form.tag_count) + count * form.tag_bytes
    return _number(descriptor, form.byte_order + form.offset, place)


def _number(descriptor: int, form: str, offset: int) -> int:
    return int(
        struct.unpack(form, read_exactly(descriptor, struct.calcsize(form), offset))[0]
    )
