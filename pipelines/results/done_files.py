"""Which files an earlier run has done: for runs that go on where one stopped."""

import contextlib
import hashlib
import json
import logging
import os
import pathlib
from typing import Any

from pipelines.images.cache import file_state
from pipelines.images.damage import broken_link
from pipelines.images.tiff.contents import other_files

logger = logging.getLogger(__name__)

# A line for each file that was done; in the folder that they are in.
RECORD = ".keras-unet-done.jsonl"


class DoneFiles:
    """The record of what runs have done, in the folders of the results.

    A file counts as done if the same image (by name, size and time) was worked on with
    the same settings, and the result is as it was written. Both may have moved.

    Args:
        settings: all that changes the results, with the model.
    """

    def __init__(self, settings: Any) -> None:
        self._settings = repr(settings)
        self._read: dict[pathlib.Path, dict[str, tuple[str, str, str]]] = {}

    def key(self, source: pathlib.Path, note: str = "") -> str:
        """Returns what the result depends on.

        Args:
            source: the file that is read; of an OME-TIFF the others that it is read
                with, too.
            note: of what else the result of this file depends on.

        Raises:
            ValueError: it is gone.
        """
        try:
            parts = [self._settings, source.name, file_state(source)]
            parts += [f"{f.name} {file_state(f)}" for f in other_files(source)]
        except OSError as error:
            if source.is_symlink():
                raise broken_link(str(source), source) from error
            raise ValueError(
                f"{source}: cannot be read any more ({error.strerror}). Restore it, "
                "and run again with resume."
            ) from error
        if note:
            parts.append(note)
        # Names of files are bytes, UTF-8 or not.
        return hashlib.sha256(os.fsencode("\n".join(parts))).hexdigest()

    def find(
        self, source: pathlib.Path, path: pathlib.Path, note: str = ""
    ) -> pathlib.Path | None:
        """Returns the result if it is done, else None.

        Args:
            source: the file that is read.
            path: where the result was to be; it may have got another suffix.
            note: as for `key`.
        """
        folder = path.parent
        if folder not in self._read:
            self._read[folder] = _read_record(folder / RECORD)
        key, name, state = self._read[folder].get(path.name, ("", "", ""))
        # What is no more as it was written is written again.
        with contextlib.suppress(OSError, ValueError):
            if key == self.key(source, note) and state == file_state(folder / name):
                return folder / name
        return None

    def mark(
        self,
        path: pathlib.Path,
        key: str,
        result: pathlib.Path,
        written: pathlib.Path | None = None,
    ) -> None:
        """Records that a file is a result, and done.

        Args:
            path: where the result was to be.
            key: as `key` returned it before the work; empty for a result that is not
                known to be done.
            result: where it is or will be, in the same folder.
            written: where it still is, if it is to be renamed: nobody who is killed
                between the two then leaves a result of unknown origin.
        """
        line = {"file": path.name, "key": key, "result": result.name}
        line["state"] = file_state(written or result)
        try:
            _append(path.parent, line)
        # The result is whole all the same.
        except OSError as error:
            logger.warning(
                "%s: cannot be written (%s); resume will do %s again.",
                path.parent / RECORD,
                error.strerror,
                result.name,
            )


def recorded_results(folder: pathlib.Path) -> set[str]:
    """Returns the names of the results of earlier runs in a folder."""
    return {result for _, result, _ in _read_record(folder / RECORD).values()}


def _append(folder: pathlib.Path, line: dict[str, str]) -> None:
    with (folder / RECORD).open("a") as record:
        # Also before it: a full disk may have left half a line.
        record.write(f"\n{json.dumps(line)}\n")


def _read_record(path: pathlib.Path) -> dict[str, tuple[str, str, str]]:
    done: dict[str, tuple[str, str, str]] = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            # The last line of a killed run may be half.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                done[row["file"]] = row["key"], row["result"], row["state"]
    return done
