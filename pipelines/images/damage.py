"""What is said of a file that cannot be read: one sentence, whatever went wrong."""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator

from pipelines.images.handles import ChangedFile, FileState, state_of

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
# First bytes, and what files that begin so are; WebP and BigTIFF besides in _true_kind.
_SIGNATURES = (
    (PNG_SIGNATURE, "PNG"),
    (JPEG_SIGNATURE, "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\x93NUMPY", "NPY"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "GZIP"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
)
_READ_BY_KIND = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "NPY")
# What is larger and holds no tile or chunk at all is taken for damaged.
MOST_EMPTY_BYTES = 2**32
# Errors of the system that a damaged file may cause, besides those of decoders, which
# have no number. With all others, as of a network disk that is gone, it may be whole.
_OF_THE_FILE = (
    None,
    errno.EINVAL,
    errno.EOVERFLOW,
    errno.EFBIG,
    errno.EISDIR,
    errno.ENOTDIR,
)
_SUFFIX_OF = {"JPEG": ".jpg", "TIFF": ".tif"}


class UnreadableImage(ValueError):
    """The sentence for the user; passes through outer readers unchanged."""


def broken_link(name: str, path: pathlib.Path) -> UnreadableImage:
    """Returns what is said of a link to nothing."""
    return UnreadableImage(
        f"{name}: it is a link to {os.readlink(path)}, which does not exist. Restore "
        "that (by git annex get, dvc pull or a mount), or remove the link."
    )


@contextlib.contextmanager
def reading(name: str, path: pathlib.Path, kind: str) -> Iterator[None]:
    """Turns whatever a reader raises into one sentence.

    Args:
        name: what messages call the image.
        path: its file.
        kind: the kind of file that is read, such as "PNG".

    Raises:
        UnreadableImage: anything was raised inside.
    """
    before = state_of(path)
    try:
        yield
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        if path.is_symlink():
            raise broken_link(name, path) from error
        raise UnreadableImage(
            f"{name}: the file does not exist. Name another, or restore it."
        ) from error
    except ChangedFile as error:
        raise changed(name) from error
    except MemoryError as error:
        raise too_large_for_memory(name) from error
    except OSError as error:
        if error.errno in _OF_THE_FILE:
            raise _damaged(name, path, kind, error, before) from error
        raise UnreadableImage(
            f"{name}: the system refused to read it ({error.strerror}). Look "
            "at its permissions, at the disk or network and at the limit of open files."
        ) from error
    # Decoders raise errors of many kinds on damaged files.
    except Exception as error:
        raise _damaged(name, path, kind, error, before) from error


def may_pass(error: BaseException) -> bool:
    """Tells whether reading again may go well: the file itself may be whole.

    Args:
        error: as a reader raised it, in a sentence or not.
    """
    cause = error.__cause__ if isinstance(error, UnreadableImage) else error
    if isinstance(cause, OSError):
        return cause.errno not in _OF_THE_FILE
    return isinstance(cause, MemoryError)


def changed(name: str) -> UnreadableImage:
    """Returns what is said of a file that was written to or replaced meanwhile."""
    return UnreadableImage(
        f"{name}: the file has changed while it was read. Start again once nothing "
        "writes to it."
    )


def too_large_for_memory(name: str) -> UnreadableImage:
    """Returns what is said of an image that is read as a whole, and too large."""
    return UnreadableImage(
        f"{name}: its pixels do not fit into memory. Save it as a tiled TIFF or Zarr, "
        "which are read in parts, or check that it is not damaged."
    )


def _damaged(
    name: str,
    path: pathlib.Path,
    kind: str,
    error: Exception,
    before: FileState | None,
) -> UnreadableImage:
    # What is half written looks damaged.
    if state_of(path) != before:
        return changed(name)
    return UnreadableImage(_sentence(name, path, kind, error))


def _sentence(name: str, path: pathlib.Path, kind: str, error: Exception) -> str:
    true_kind = _true_kind(path)
    if true_kind == "empty":
        return (
            f"{name}: cannot be read as {kind} (the file is empty). "
            "Replace or remove the file."
        )
    # Microscope files may begin as any other.
    if true_kind is not None and true_kind != kind and kind in _READ_BY_KIND:
        suffix = _SUFFIX_OF.get(true_kind, f".{true_kind.lower()}")
        return (
            f"{name}: cannot be read as {kind} (by its first bytes it is {true_kind}). "
            f"Rename it to {suffix}, or convert it."
        )
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if len(reason) > 300:
        reason = f"{reason[:300]}..."
    return f"{name}: cannot be read as {kind} ({reason}). Replace or remove the file."


def _true_kind(path: pathlib.Path) -> str | None:
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return None
    if not start:
        return "empty"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    kinds = (kind for signature, kind in _SIGNATURES if start.startswith(signature))
    return next(kinds, None)


def check_plausible(num_bytes: int, file_bytes: int, most_ratio: float) -> None:
    """Refuses pixels that the bytes of a file cannot hold.

    Damaged headers promise any size; believing them would fill the memory.

    Args:
        num_bytes: of the pixels, as the header promises them.
        file_bytes: of the file, or the part of it that holds them.
        most_ratio: the best that the file's compression can do.

    Raises:
        ValueError: the promise cannot be true.
    """
    if num_bytes > most_ratio * (file_bytes + 64):
        raise ValueError(
            f"its header promises {num_bytes} bytes of pixels, more than its "
            f"{file_bytes} bytes can hold"
        )
