"""Objects that are found by their cores grow to the outlines of the mask."""

import numpy as np

# Pixels; between a core and the outline are a few.
GROWTH = 8


def grow(labels: np.ndarray, within: np.ndarray, steps: int = GROWTH) -> np.ndarray:
    """Grows objects into a mask, a pixel a step, through the sides of pixels.

    A free pixel of the mask becomes part of the object that it shares a side with; of
    several, of that of the greatest number. What becomes of a pixel depends on pixels
    up to `steps` away only, so images may be grown in parts.

    Args:
        labels: numbers of objects, integers (height, width), 0 for none.
        within: bool (height, width); objects keep what they have outside of it.
        steps: how many.

    Returns:
        As `labels`, an array of its own.
    """
    padded = np.pad(labels, 1)
    flat = padded.reshape(-1)
    free = np.flatnonzero(np.pad(within & (labels == 0), 1))
    for _ in range(steps):
        beside = flat[free - 1]
        for offset in (1, -padded.shape[1], padded.shape[1]):
            np.maximum(beside, flat[free + offset], out=beside)
        reached = beside > 0
        if not reached.any():
            break
        flat[free[reached]] = beside[reached]
        free = free[~reached]
    return padded[1:-1, 1:-1]
