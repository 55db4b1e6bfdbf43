"""The progress of a prediction: pixels of all files, two of which may be at work."""

import collections
import logging
import threading
import time
from collections.abc import Callable, Mapping

import tqdm

from pipelines.prediction.prediction_files import OutputFile

logger = logging.getLogger(__name__)

# Between two lines where there is no bar.
LINE_SECONDS = 60


class PixelProgress:
    """Counts on a bar what is done of several files, in any thread.

    Off a terminal it logs a line a minute.

    Args:
        bar: counts pixels; is disabled off a terminal.
        pixels: of each file.
    """

    def __init__(self, bar: tqdm.tqdm, pixels: Mapping[OutputFile, int]) -> None:
        self._bar, self._pixels = bar, pixels
        self._done: dict[OutputFile, int] = collections.defaultdict(int)
        # tqdm's own additions are not atomic.
        self._lock = threading.Lock()
        self._line_time, self._line_pixels = time.monotonic(), 0
        bar.total = sum(pixels.values())
        bar.refresh()

    def of(self, file: OutputFile) -> Callable[[int], None]:
        """Returns what is called with a number of pixels when they are done."""

        def advance(pixels: int) -> None:
            with self._lock:
                self._done[file] += pixels
                self._bar.update(pixels)
                if self._bar.disable:
                    self._log()

        return advance

    def _log(self) -> None:
        now = time.monotonic()
        seconds = now - self._line_time
        if seconds < LINE_SECONDS:
            return
        done = sum(self._done.values())
        # By what was done since the last line: a run that goes on begins with a leap.
        left = (self._bar.total - done) * seconds / max(1, done - self._line_pixels)
        logger.info(
            "Segmented %.1f of %.1f megapixels, about %.0f minutes left",
            done / 1e6,
            self._bar.total / 1e6,
            left / 60,
        )
        self._line_time, self._line_pixels = now, done

    def give_up(self, file: OutputFile) -> None:
        """Leaves out what will not be done of a file that failed."""
        with self._lock:
            self._bar.total -= max(0, self._pixels[file] - self._done[file])
            self._bar.refresh()
