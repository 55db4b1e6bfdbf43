"""Data sets of few images, for tests of what is made of their masks."""

import collections

import numpy as np
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import load_dataset
from pipelines.images import ArrayImage

Size = collections.namedtuple("Size", "height width")


class Masks:
    """What places take of a data set: class ids in memory, 255 is unlabelled."""

    def __init__(self, *masks, num_classes=3):
        self.masks, self.num_classes = masks, num_classes
        self.passes = collections.Counter()

    @property
    def facts(self):
        return [Size(*mask.shape) for mask in self.masks]

    def class_counts(self):
        return np.stack(
            [
                np.bincount(mask[mask < 255], minlength=self.num_classes)
                for mask in self.masks
            ]
        )

    def open_mask(self, index, cache):
        self.passes[index] += 1
        return ArrayImage(self.masks[index][..., np.newaxis], f"mask {index}")


@pytest.fixture
def masks_of():
    """Makes a set of masks in memory, which counts how often each is opened."""
    return Masks


@pytest.fixture
def dataset_of(write_pair, folders):
    """Writes a mask and an image of noise; returns them as a data set."""

    def make(mask, scaling="per_image", **settings):
        write_pair("a.png", mask)
        return load_dataset(DataConfig(**folders, **settings), scaling=scaling)

    return make
