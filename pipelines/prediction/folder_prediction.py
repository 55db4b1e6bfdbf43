"""All result files of a prediction: one after the other, small ones two at once.

Of two small files one is opened, compressed or flushed to the disk while the net
computes the other. The net itself computes one tile at a time.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import logging
import pathlib
import threading
from collections.abc import Callable, Collection, Sequence

import tensorflow as tf
import tqdm

from pipelines import run_folder, scaling
from pipelines.images import open_image
from pipelines.prediction.failures import (
    prediction_sentence,
    warn_of_lost_digits,
    warn_of_no_data,
    warn_of_orientation,
    warn_of_unplaced,
    warn_of_unsized,
)
from pipelines.prediction.file_prediction import FilePredictor, PreparedFile
from pipelines.prediction.pixel_progress import PixelProgress
from pipelines.prediction.prediction_files import OutputFile
from pipelines.prediction.replacing import ReplacementCheck

logger = logging.getLogger(__name__)

# A file of more pixels is worked on alone: it has the whole memory, and takes so long
# that opening it and closing it do not count.
SMALL_PIXELS = 2**22
_FILES_AT_ONCE = 2
_FAILURES = (ValueError, OSError, MemoryError, tf.errors.OpError)


class _StoppedError(Exception):
    """Ends the work of a thread when the whole run ends."""


# Files that are worked on, in their order.
_Begun = collections.deque[tuple[OutputFile, "concurrent.futures.Future[PreparedFile]"]]


@dataclasses.dataclass
class FolderPrediction:
    """Writes the files that are still to be done.

    Attributes:
        files: writes one of them.
        record: of the run.
        replacement: what must not be replaced.
        taken: paths that files are planned to be written to.
        results: where each file is, when it is done; is added to.
    """

    files: FilePredictor
    record: run_folder.RunRecord
    replacement: ReplacementCheck
    taken: Collection[pathlib.Path]
    results: dict[OutputFile, pathlib.Path]
    _several: bool = dataclasses.field(default=False, init=False)
    _failures: list[str] = dataclasses.field(default_factory=list, init=False)
    _written: list[PreparedFile] = dataclasses.field(default_factory=list, init=False)
    _doubted: set[str] = dataclasses.field(default_factory=set, init=False)
    _prepared: dict[OutputFile, PreparedFile] = dataclasses.field(
        default_factory=dict, init=False
    )

    def write(self, todo: Sequence[OutputFile]) -> list[str]:
        """Writes files, and says what was lost; returns what is said of failures."""
        self._several = len(todo) > 1
        with tqdm.tqdm(
            desc="Segmenting", total=0, unit="px", unit_scale=True, disable=None
        ) as bar:
            pixels = self._largest_first(todo)
            self._write_all(pixels, PixelProgress(bar, pixels))
        warn_of_unplaced([p.file for p in self._written if p.loses_place])
        warn_of_unsized([p.file for p in self._written if p.loses_size])
        warn_of_no_data(self.files.predictor.no_data)
        warn_of_lost_digits(self.files.predictor.lost_digits)
        warn_of_orientation({p.file.input: p.orientation for p in self._written})
        return self._failures

    def _largest_first(self, files: Sequence[OutputFile]) -> dict[OutputFile, int]:
        """Sorts by the size of the images; returns the pixels of each file's images.

        TensorFlow keeps memory that it once had: after a small tile a large one would
        take more than alone.
        """
        for file in files:
            # What cannot be opened is named when its turn comes.
            with contextlib.suppress(*_FAILURES):
                self._prepared[file] = self._prepare(file)
        pixels = {
            file: self._prepared[file].pixels if file in self._prepared else (0,)
            for file in files
        }
        order = sorted(files, key=lambda file: -max(pixels[file]))
        return {file: sum(pixels[file]) for file in order}

    def _write_all(
        self, pixels: dict[OutputFile, int], progress: PixelProgress
    ) -> None:
        stopped = threading.Event()
        begun: _Begun = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
            try:
                for file, num_pixels in pixels.items():
                    is_small = self._several and num_pixels <= SMALL_PIXELS
                    files_at_once = _FILES_AT_ONCE if is_small else 1
                    self._finish_but(files_at_once - 1, begun, progress)
                    advance = _unless(stopped, progress.of(file))
                    work = self._begin(threads, file, advance, files_at_once)
                    begun.append((file, work))
                    if files_at_once == 1:
                        # Also the next one, if it is small, waits for its end.
                        self._finish_but(0, begun, progress)
                self._finish_but(0, begun, progress)
            finally:
                stopped.set()
                threads.shutdown(cancel_futures=True)

    def _begin(
        self,
        threads: concurrent.futures.Executor,
        file: OutputFile,
        advance: Callable[[int], None],
        files_at_once: int,
    ) -> "concurrent.futures.Future[PreparedFile]":
        try:
            prepared = self._prepared.pop(file, None)
            # It may have changed while others were worked on.
            if prepared is None or prepared.key != self._key(file):
                prepared = self._prepare(file)
            prepared = self._fitting(prepared)
            self.files.make_room(prepared)
        except _FAILURES as error:
            failed: concurrent.futures.Future[PreparedFile]
            failed = concurrent.futures.Future()
            failed.set_exception(error)
            return failed
        return threads.submit(
            self.files.write, prepared, advance, files_at_once=files_at_once
        )

    def _key(self, file: OutputFile) -> str:
        return self.files.done.key(file.input, file.note)

    def _prepare(self, planned: OutputFile) -> PreparedFile:
        """Looks at the heads of images: once, for all that is to be known of them."""
        key = self._key(planned)
        with open_image(planned.entries[0]) as image:
            layout = self.files.predictor.layout(image)
            is_placed, orientation = image.is_georeferenced, image.orientation
            self._doubt(image.dtype.name)
        pixels = [layout.height * layout.width]
        for entry in planned.entries[1:]:
            with open_image(entry) as image:
                pixels.append(image.height * image.width)
        return PreparedFile(
            planned.path, planned, key, layout, tuple(pixels), is_placed, orientation
        )

    def _fitting(self, prepared: PreparedFile) -> PreparedFile:
        """Returns the same, to be written to a file that holds the result."""
        file = prepared.file.fitting(prepared.layout, self.taken)
        if file is not prepared.file:
            self.replacement.check(file.path)
        return dataclasses.replace(prepared, file=file)

    def _finish_but(self, most: int, begun: _Begun, progress: PixelProgress) -> None:
        """Waits for the first files until no more than some are worked on."""
        while len(begun) > most:
            file, work = begun.popleft()
            try:
                prepared = work.result()
            except _FAILURES as error:
                logger.debug("Where it was found:", exc_info=True)
                self._failures.append(prediction_sentence(file, error))
                progress.give_up(file)
                if self._several:
                    logger.warning("%s", self._failures[-1])
            else:
                self._written.append(prepared)
                self.results[file] = prepared.file.path

    def _doubt(self, dtype: str) -> None:
        """Warns once of each type of pixels that the run does not know."""
        if dtype not in self._doubted:
            self._doubted.add(dtype)
            for doubt in scaling.doubts_of_types(
                self.record.scaling, self.record.pixel_types, [dtype]
            ):
                logger.warning("Warning: %s", doubt)


def _unless(
    stopped: threading.Event, advance: Callable[[int], None]
) -> Callable[[int], None]:
    def checked(pixels: int) -> None:
        if stopped.is_set():
            raise _StoppedError
        advance(pixels)

    return checked
