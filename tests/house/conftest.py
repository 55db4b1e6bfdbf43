"""What the tests of several guides share."""

import numpy as np
import pytest

from pipelines.results.writing import write_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six small images with two bright squares, and their masks."""
    folder = tmp_path_factory.mktemp("guide")
    random = np.random.default_rng(0)
    mask = np.zeros((80, 96), np.uint8)
    mask[20:40, 10:30] = mask[30:50, 34:60] = 255
    for number in range(6):
        image = mask // 4 + random.integers(0, 100, mask.shape)
        write_image(folder / "images" / f"{number}.png", image.astype(np.uint8))
        write_image(folder / "masks" / f"{number}.png", mask)
    return folder
