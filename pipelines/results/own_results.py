"""What is already there under the name of a result, and whether it may be replaced."""

import pathlib

from pipelines.images.zarr_axes import is_marked
from pipelines.results.done_files import recorded_results


class OwnResults:
    """Checks that results are written over nothing but results.

    Masks drawn by hand have the same names. The records of folders are read once, and
    only if something is already there.
    """

    def __init__(self) -> None:
        self._recorded: dict[pathlib.Path, set[str]] = {}

    def check(self, path: pathlib.Path) -> None:
        """Checks a file or folder that is to be written.

        Raises:
            ValueError: something is there that is no result.
        """
        if path.exists() and not self._is_result(path):
            raise ValueError(
                f"{path} is already there, and is no result of predict or segment: it "
                "is not replaced. Name another folder, or remove it."
            )

    def _is_result(self, path: pathlib.Path) -> bool:
        folder = path.parent
        if folder not in self._recorded:
            self._recorded[folder] = recorded_results(folder)
        if path.name in self._recorded[folder]:
            return True
        return path.is_dir() and is_marked(path)
