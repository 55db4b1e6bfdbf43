"""Which versions of a model lie in its folder, without loading any."""

from pathlib import Path

# TensorFlow Serving takes a name that is an int64.
LARGEST_VERSION = 2**63 - 1


def is_int64(digits: str) -> bool:
    """Tells whether decimal digits are an int64; Python reads no endless ones."""
    significant = digits.lstrip("0")
    return len(significant) <= 19 and int(significant or 0) <= LARGEST_VERSION


def published_versions(base_path: Path) -> dict[int, Path]:
    """Returns the version folders of saved_models/NAME, by number.

    A version is a child whose name is a whole number (leading zeros allowed) and that
    holds a saved_model.pb. TensorFlow Serving also takes numbered children without
    one, and then fails to load them.
    """
    if not base_path.is_dir():
        return {}
    return {
        int(child.name): child
        for child in sorted(base_path.iterdir())
        if child.name.isascii()
        and child.name.isdecimal()
        and is_int64(child.name)
        and (child / "saved_model.pb").is_file()
    }
