"""The progress of a prediction: pixels of all files, two of which may be at work."""

import collections
import threading
from collections.abc import Callable, Mapping

import tqdm

from pipelines.prediction.prediction_files import OutputFile


class PixelProgress:
    """Counts on a bar what is done of several files, in any thread.

    Args:
        bar: counts pixels.
        pixels: of each file.
    """

    def __init__(self, bar: tqdm.tqdm, pixels: Mapping[OutputFile, int]) -> None:
        self._bar, self._pixels = bar, pixels
        self._done: dict[OutputFile, int] = collections.defaultdict(int)
        # tqdm's own additions are not atomic.
        self._lock = threading.Lock()
        bar.total = sum(pixels.values())
        bar.refresh()

    def of(self, file: OutputFile) -> Callable[[int], None]:
        """Returns what is called with a number of pixels when they are done."""

        def advance(pixels: int) -> None:
            with self._lock:
                self._done[file] += pixels
                self._bar.update(pixels)

        return advance

    def give_up(self, file: OutputFile) -> None:
        """Leaves out what will not be done of a file that failed."""
        with self._lock:
            self._bar.total -= max(0, self._pixels[file] - self._done[file])
            self._bar.refresh()
