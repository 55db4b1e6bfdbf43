import numpy as np
import pytest

from pipelines.prediction.grown_windows import HELD_ROWS, grown_windows
from pipelines.scores.growth import GROWTH, grow


@pytest.mark.parametrize("rows", [1, 3, GROWTH, 20, 50])
def test_windows_grow_as_the_whole_image_does(random, rows):
    labels = np.where(
        random.random((50, 30)) < 0.02, 1 + np.arange(1500).reshape(50, 30), 0
    )
    within = random.random((50, 30)) < 0.8
    windows = (
        (top, 0, labels[top : top + rows, :, np.newaxis]) for top in range(0, 50, rows)
    )
    asked = []

    def read(top, count):
        asked.append(count)
        return within[top : top + count]

    found = list(grown_windows(windows, read, 50))
    np.testing.assert_array_equal(
        np.concatenate([pixels for _, _, pixels in found])[..., 0], grow(labels, within)
    )
    tops = [top for top, _, _ in found]
    heights = [len(pixels) for _, _, pixels in found]
    assert tops == [0, *np.cumsum(heights)[:-1]]
    # Of the image only a few rows are held.
    assert max(asked) <= min(50, rows + HELD_ROWS)
