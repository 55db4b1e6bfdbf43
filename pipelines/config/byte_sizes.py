"""Amounts of memory in words: 700MB, 1.5GB, 2GiB."""

import re

_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?I?B)\s*", re.IGNORECASE)


def parse_bytes(text: str, name: str) -> int:
    """Returns a number of bytes.

    Args:
        text: a number and a unit: B, kB, MB, GB, TB are powers of 1000, KiB, MiB,
            GiB, TiB of 1024.
        name: of the setting, for the message.

    Raises:
        ValueError: the text is not a size.
    """
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if not found or found[2].upper() not in _UNITS:
        raise ValueError(
            f"{name} must be a number and a unit, such as 700MB or 4GB, got {text!r}."
        )
    return int(float(found[1]) * _UNITS[found[2].upper()])


def in_megabytes(num_bytes: float) -> str:
    """Returns a size in words, rounded up: "1,234MB" without the comma."""
    return f"{-int(-num_bytes // 10**6)}MB"
