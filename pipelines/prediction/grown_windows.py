"""Numbered objects that grow into the mask, exact across the borders of windows."""

from collections.abc import Callable, Generator, Iterable

import numpy as np

from pipelines.results.layout import Window
from pipelines.scores.growth import GROWTH, grow

# Rows that are held beside a window: those whose objects still grow, and what is above.
HELD_ROWS = 2 * GROWTH


def grown_windows(
    windows: Iterable[Window], within: Callable[[int, int], np.ndarray], height: int
) -> Generator[Window, None, None]:
    """Grows the objects of an image whose rows come from top to bottom.

    Args:
        windows: (top, 0, numbers), numbers (rows, width, 1), of all rows in turn.
        within: from the first row and the number of rows to the mask that objects grow
            into, bool (rows, width).
        height: of the image.

    Yields:
        (top, 0, numbers), as `grow` makes them of the whole image.
    """
    # Rows from `first` on are held, those above `done` are yielded.
    first = done = 0
    held: np.ndarray | None = None
    for top, _, numbers in windows:
        rows = numbers[..., 0]
        held = rows if held is None else np.concatenate([held, rows])
        end = top + len(rows)
        known = end if end == height else end - GROWTH
        if known <= done:
            continue
        grown = grow(held, within(first, len(held)))
        yield done, 0, grown[done - first : known - first, :, np.newaxis]
        done = known
        kept = max(first, done - GROWTH)
        held, first = held[kept - first :].copy(), kept
