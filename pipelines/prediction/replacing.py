"""What is already there under the name of a result, and must not be written over."""

import contextlib
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pipelines.images import ImageEntry, find_images
from pipelines.images.done_files import is_recorded
from pipelines.images.writing import identity
from pipelines.images.zarr_axes import is_marked

# Settings of a run that name files.
_NAMING = ("images", "masks", "validation_images", "validation_masks")


def check_replaceable(path: pathlib.Path, sources: Collection[pathlib.Path]) -> None:
    """Checks that what is there under a name is a result, if it may be anything else.

    Args:
        path: that is to be written.
        sources: the images.

    Raises:
        ValueError: it is a folder, or lies in a folder of the images, and is no result
            of an earlier run.
    """
    if path.is_dir():
        if not is_marked(path) and not is_recorded(path):
            raise ValueError(
                f"{path} is a folder that no prediction has written: it is not "
                "replaced. Name another, or remove it."
            )
    elif path.exists() and not is_recorded(path):
        # Elsewhere files of these names can hardly be others than results.
        if path.parent.resolve() in {source.parent.resolve() for source in sources}:
            raise ValueError(
                f"{path} lies beside the images, and no prediction has written it: it "
                "is not replaced. Name another folder, or remove it."
            )


def check_no_training_files(
    run: pathlib.Path, settings: Mapping[str, Any], paths: Sequence[pathlib.Path]
) -> None:
    """Checks that nothing which a run has learned from is written over.

    Args:
        run: its folder: relative names of its settings are looked for from the working
            folder, and from the two that the run's lies in.
        settings: of the run.
        paths: that are to be written.

    Raises:
        ValueError: a file is such an image or mask.
    """
    existing = {identity(path): path for path in paths}
    existing.pop(None, None)
    if not existing:
        return
    for entry in _learned_from(run, settings):
        path = existing.get(identity(entry.path))
        if path is not None:
            raise ValueError(
                f"{path} is an image or mask that the run has learned from; writing "
                "there would destroy it. Name another folder."
            )


def _learned_from(
    run: pathlib.Path, settings: Mapping[str, Any]
) -> Iterator[ImageEntry]:
    patterns = [settings[name] for name in _NAMING if settings.get(name)]
    for pattern in patterns:
        # Of runs/NAME the folder of `runs`, and that of the project. A pattern of all
        # folders would read through whatever else is there.
        near = [] if "**" in pattern else run.resolve().parents[:2]
        for folder in (pathlib.Path(), *near):
            # They may be gone since. An absolute name is itself in any folder.
            with contextlib.suppress(ValueError, OSError):
                yield from find_images(str(folder / pattern), damaged=True)
