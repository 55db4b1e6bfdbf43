"""Which files are done with the model of the start."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.client.about import ask_about
from pipelines.client.failures import ServerFailure
from pipelines.client.pool import ServerPool
from pipelines.client.service import Service
from pipelines.results.done_files import DoneFiles

SECONDS = 5.0
# That an answer may take between two files. Masks wait for it, and the next file asks
# again.
ANSWER_SECONDS = 30.0
# After Ctrl-C.
LAST_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class DoneRecord:
    """Records files as done once the servers have said again what they serve.

    A file that was finished between two equal answers is of that model; one that was
    not is done again by a run with resume.

    Args:
        done: the record on disk.
        service: the servers, and what they said at the start.
        clock: seconds that pass; the servers are asked again after SECONDS.
    """

    def __init__(
        self,
        done: DoneFiles,
        service: Service,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._done = done
        self._service = service
        self._clock = clock
        self._asked = clock()
        self._unconfirmed: list[tuple[Path, str, Path]] = []
        self._has_changed = False

    @property
    def left_out(self) -> str:
        """What a run with resume leaves out, in words."""
        if not self._unconfirmed:
            return "them"
        return f"all but the last {len(self._unconfirmed)}"

    def add(self, path: Path, key: str, result: Path) -> None:
        """Adds a file, as of `DoneFiles.mark`."""
        self._unconfirmed.append((path, key, result))
        if self._service.about is None or self._clock() - self._asked >= SECONDS:
            # Without patience: it is asked again with a later file.
            self._confirm(self._service.pool.impatient(), ANSWER_SECONDS)

    def close(self) -> None:
        """Asks the servers a last time, patiently; warns of what stays unrecorded."""
        self._end(self._service.pool, None)

    def close_at_once(self) -> None:
        """Asks the servers a last time if they answer now: after Ctrl-C, or a loss."""
        self._end(self._service.pool.impatient(), LAST_SECONDS)

    def _end(self, pool: ServerPool, seconds: float | None) -> None:
        failure = self._confirm(pool, seconds) if self._unconfirmed else None
        if failure is not None:
            _logger.warning(
                "%s So it is not known which model made the last masks (%d); a run "
                "with resume does them again.",
                failure,
                len(self._unconfirmed),
            )

    def _confirm(self, pool: ServerPool, seconds: float | None) -> ServerFailure | None:
        """Records the files if the model is that of the start; else why not."""
        if self._has_changed:
            return None
        try:
            self._has_changed = not self._is_unchanged(pool, seconds)
        except ServerFailure as failure:
            return failure
        finally:
            self._asked = self._clock()
        if self._has_changed:
            _logger.warning(
                "The servers serve another model now than at the start: masks may be "
                "of both. Run again with resume for masks of one."
            )
            return None
        try:
            for path, key, result in self._unconfirmed:
                self._done.mark(path, key, result)
        except OSError as error:
            # The masks are there all the same.
            _logger.warning(
                "What is done cannot be recorded (%s): resume will do it again.",
                error.strerror or error,
            )
        self._unconfirmed.clear()
        return None

    def _is_unchanged(self, pool: ServerPool, seconds: float | None) -> bool:
        about = self._service.about
        # A model that says nothing is told by its address alone.
        return about is None or ask_about(pool, seconds) == about
