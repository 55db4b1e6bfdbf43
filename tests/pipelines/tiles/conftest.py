"""Data sets of one image, for tests of what is made of its mask."""

import numpy as np
import PIL.Image
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import load_dataset


@pytest.fixture
def dataset_of(tmp_path, random):
    """Writes a mask and an image of noise; returns them as a data set."""

    def make(mask, scaling="per_image", **settings):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir()
        image = random.integers(0, 255, mask.shape).astype(np.uint8)
        PIL.Image.fromarray(image).save(tmp_path / "images" / "a.png")
        PIL.Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
        return load_dataset(
            DataConfig(
                images=str(tmp_path / "images"),
                masks=str(tmp_path / "masks"),
                **settings,
            ),
            scaling=scaling,
        )

    return make
