"""Where in an image the pixels of a class are: a bounded sample of positions."""

from collections.abc import Sequence

import numpy as np

from pipelines.images import WindowedImage, blocks

LEAST_POSITIONS = 64
# For images larger than 64 of these: a position for each, so that the sample has as
# many places for a large image as tiles cover it.
PIXELS_OF_A_POSITION = 128 * 128


def most_positions(height: int, width: int) -> int:
    """Returns how many positions of one class are kept of an image."""
    return max(LEAST_POSITIONS, height * width // PIXELS_OF_A_POSITION)


def sample_positions(
    mask: WindowedImage, counts: dict[int, int], seed: int | Sequence[int]
) -> dict[int, np.ndarray]:
    """Returns pixels of each class, evenly drawn in one pass over the mask.

    Args:
        mask: class ids (height, width, 1).
        counts: how many pixels each class to look for has; at least 1.
        seed: the same seed draws the same pixels.

    Returns:
        For each class int32 (n, 2): rows and columns, in the order of the pass. n is
        `most_positions`, or the count where there are fewer.
    """
    random = np.random.default_rng(seed)
    most = most_positions(mask.height, mask.width)
    # Which ones of a class's pixels, before it is known where they are.
    ranks = {
        class_id: np.sort(
            random.choice(count, min(most, count), replace=False, shuffle=False)
        )
        for class_id, count in counts.items()
    }
    found: dict[int, list[np.ndarray]] = {class_id: [] for class_id in counts}
    seen = dict.fromkeys(counts, 0)
    for top, left, pixels in blocks(mask):
        for class_id in counts:
            places = np.flatnonzero(pixels[..., 0] == class_id)
            first, last = np.searchsorted(
                ranks[class_id], [seen[class_id], seen[class_id] + len(places)]
            )
            chosen = places[ranks[class_id][first:last] - seen[class_id]]
            rows, columns = np.divmod(chosen, pixels.shape[1])
            found[class_id].append(np.stack([rows + top, columns + left], axis=-1))
            seen[class_id] += len(places)
    return {
        class_id: np.concatenate(parts).astype(np.int32)
        for class_id, parts in found.items()
    }
