"""Which versions of a model lie in its folder, without loading any."""

from pathlib import Path

# TensorFlow Serving takes a name that is an int64.
LARGEST_VERSION = 2**63 - 1


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
        and len(child.name) < 100
        and int(child.name) <= LARGEST_VERSION
        and (child / "saved_model.pb").is_file()
    }
