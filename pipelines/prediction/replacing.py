"""What is already there under the name of a result, and must not be written over."""

import contextlib
import functools
import os
import pathlib
import re
from collections.abc import Iterable, Iterator

from pipelines.images import ImageEntry, find_images
from pipelines.images.finding import printable
from pipelines.results.own_results import OwnResults
from pipelines.results.writing import identity
from pipelines.run_folder import RunRecord

# Settings of a run that name images, and masks.
_IMAGES = ("images", "validation_images")
_MASKS = ("masks", "validation_masks")


class ReplacementCheck:
    """Checks that results are written over nothing but results.

    The training set and the records of folders are read once, and only if something is
    already there under the name of a result.
    """

    def __init__(self, run: pathlib.Path, record: RunRecord) -> None:
        """Keeps what is not to be written over.

        Args:
            run: the folder of the run: relative names of its settings are looked for
                from the working folder, and from the two that the run's lies in.
            record: of the run.
        """
        self._run, self._record = run, record
        self._own = OwnResults()

    def check(self, path: pathlib.Path) -> None:
        """Checks a file or folder that is to be written.

        Raises:
            ValueError: what is there is no result of an earlier prediction, such as a
                mask drawn by hand, which has the same name; or the run has learned
                from it.
        """
        existing = identity(path)
        if existing is None:
            return
        if existing in self._learned_from:
            raise ValueError(
                f"{path} is an image or mask that the run has learned from; writing "
                "there would destroy it. Name another folder."
            )
        self._own.check(path)

    @functools.cached_property
    def _learned_from(self) -> set[tuple[int, int] | None]:
        """The identities of the images and masks that the run has learned from."""
        images = self._found(_IMAGES)
        known = self._image_names()
        if known:
            # Others, such as results, may have come to match the pattern since.
            images = (one for one in images if printable(one.path.name) in known)
        entries = [*images, *self._found(_MASKS)]
        return {identity(path) for path in {entry.path for entry in entries}}

    def _image_names(self) -> set[str]:
        """Returns the names of the files of images as the run keeps them."""
        parts = (self._record.data.get(part, {}) for part in ("training", "validation"))
        names = (name for part in parts for name in part.get("images", ()))
        # Those of stacks end in the number of the page.
        return {pathlib.PurePath(re.sub(r" page \d+$", "", one)).name for one in names}

    def _found(self, settings: Iterable[str]) -> Iterator[ImageEntry]:
        """Finds what settings of the run name, each pattern once."""
        values = [self._record.settings.get(name) for name in settings]
        patterns = {
            os.path.abspath(folder / value)
            for value in values
            if value
            for folder in self._roots(value)
        }
        for pattern in patterns:
            # They may be gone since.
            with contextlib.suppress(ValueError, OSError):
                yield from find_images(pattern, damaged=True)

    def _roots(self, pattern: str) -> list[pathlib.Path]:
        """Returns the folders that a pattern may be relative to."""
        if "**" in pattern:
            # From the others it would read through whatever else is there.
            return [pathlib.Path()]
        # Of runs/NAME the folder of `runs`, and that of the project.
        return [pathlib.Path(), *self._run.resolve().parents[:2]]
