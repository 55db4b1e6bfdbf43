"""What an export looks like on disk, for those who write, serve and check it.

Nothing is loaded here, and no TensorFlow is needed.
"""

from pathlib import Path

# TensorFlow Serving takes a name that is an int64.
LARGEST_VERSION = 2**63 - 1
SAVED_MODEL = "saved_model.pb"
# Within a version. TensorFlow Serving knows the first by its name.
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
GOLDEN = Path("assets.extra") / "golden.json"
GOLDEN_FORMAT = 1


def is_int64(digits: str) -> bool:
    """Tells whether decimal digits are an int64; Python reads no endless ones."""
    significant = digits.lstrip("0")
    return len(significant) <= 19 and int(significant or 0) <= LARGEST_VERSION


def is_version_name(name: str) -> bool:
    """Tells whether TensorFlow Serving takes a name for a version's number."""
    return name.isascii() and name.isdecimal() and is_int64(name)


def published_versions(base_path: Path) -> dict[int, Path]:
    """Returns the version folders of saved_models/NAME, by number.

    A version is a child whose name is a whole number (leading zeros allowed) and that
    holds a saved_model.pb. TensorFlow Serving also takes numbered children without
    one, and then fails to load them.
    """
    return {
        number: child
        for number, child in _numbered(base_path).items()
        if (child / SAVED_MODEL).is_file()
    }


def unloadable_newest(base_path: Path) -> Path | None:
    """Returns the child of the highest number if it holds no saved_model.pb.

    TensorFlow Serving takes it for the newest version, and serves none of the others.
    """
    numbered = _numbered(base_path)
    newest = numbered[max(numbered)] if numbered else None
    return None if newest is None or (newest / SAVED_MODEL).is_file() else newest


def without_version(path: Path) -> str:
    """Returns what a folder without versions is instead, and the way out."""
    folder = path.absolute()
    if (folder / SAVED_MODEL).is_file() and is_version_name(folder.name):
        return f"{path} is one version; name its folder {folder.parent}."
    children = sorted(folder.iterdir()) if folder.is_dir() else []
    models = [str(path / one.name) for one in children if _has_versions(one)]
    if models:
        return f"{path} is no model but holds some; name {' or '.join(models)}."
    return (
        f"{path} holds no version, which is a folder NUMBER with a saved_model.pb; run "
        "`keras-unet export` first, or name another saved_models/NAME."
    )


def _has_versions(folder: Path) -> bool:
    # Beside models there may be folders of others, such as lost+found.
    try:
        return bool(published_versions(folder))
    except PermissionError:
        return False


def _numbered(base_path: Path) -> dict[int, Path]:
    if not base_path.is_dir():
        return {}
    return {
        int(child.name): child
        for child in sorted(base_path.iterdir())
        if is_version_name(child.name)
    }
