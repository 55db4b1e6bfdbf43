"""How a setting is declared, and help texts that several settings share."""

import dataclasses
from typing import Any

IMAGES = "image files: a file, a folder, a glob or a multi-page TIFF"
MASKS = "mask files of the same stems: a file, a folder, a glob or a multi-page TIFF"
RUN = "folder of a finished fit"


def setting(default: Any, text: str, *, positional: bool = False) -> Any:
    """Returns a dataclass field with a default (`...`: none) and its help text."""
    metadata = {"help": text, "positional": positional}
    if default is ...:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def value_in_words(value: Any) -> str:
    """Returns a setting's value as tables show it."""
    # JSON has lists for tuples.
    if value in ((), []):
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
