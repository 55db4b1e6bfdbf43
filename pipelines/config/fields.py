"""How a setting is declared, and help texts that several settings share."""

import dataclasses
from typing import Any

IMAGES = "image files: a file, a folder, a quoted glob or a multi-page TIFF"
MASKS = "mask files of the same stems, likewise"
RUN = "folder of a finished fit"
# What a flag's value is called in the help.
FILE, FOLDER, PATTERN = "FILE", "FOLDER", "PATTERN"


def setting(
    default: Any, text: str, metavar: str | None = None, *, positional: bool = False
) -> Any:
    """Returns a dataclass field that a flag can set.

    Args:
        default: `...` for none.
        text: its help.
        metavar: what its value is called in the help; by default by its type.
        positional: the value stands without a flag.
    """
    metadata = {"help": text, "metavar": metavar, "positional": positional}
    if default is ...:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def value_in_words(value: Any) -> str:
    """Returns a setting's value as tables show it."""
    # JSON has lists for tuples.
    if value in ((), []):
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
