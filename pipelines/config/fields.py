"""How a setting is declared, and help texts that several settings share."""

import dataclasses
import math
from typing import Any

IMAGES = "images: a file, a folder, a stack, a Zarr store or a quoted glob"
MASKS = "their masks, likewise; paired by file names without endings"
RUN = "run folder, as fit or save_run leaves it"
# What the help calls the value of a flag that names files.
NAMES_OF_FILES = FILE, FOLDER, PATTERN, PATH = ("FILE", "FOLDER", "PATTERN", "PATH")
LARGEST_SEED = 2**31 - 1


def setting(
    default: Any,
    text: str,
    metavar: str | None = None,
    *,
    least: float | None = None,
    most: float = math.inf,
    positional: bool = False,
) -> Any:
    """Returns a field of `Settings` that a flag can set.

    Args:
        default: `...` for none.
        text: its help.
        metavar: what its value is called in the help; by default by its type. With one
            of NAMES_OF_FILES it must name something.
        least: that a number may be; None for what is no number.
        most: that a number may be.
        positional: the value stands without a flag.
    """
    metadata = {
        "help": text,
        "metavar": metavar,
        "least": least,
        "most": most,
        "positional": positional,
    }
    if default is ...:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def bounds_in_words(field: dataclasses.Field) -> str:
    """Returns between what a number must be: "0 to 1", "at least 0"."""
    least, most = field.metadata["least"], field.metadata["most"]
    return f"at least {least}" if most == math.inf else f"{least} to {most}"


def value_in_words(value: Any) -> str:
    """Returns a setting's value as tables show it."""
    if value == ():
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
