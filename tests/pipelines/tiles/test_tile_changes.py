import numpy as np
import pytest
import tensorflow as tf

from pipelines.augment import Augmentation
from pipelines.tiles.tile_changes import TileChanges

SEED = tf.constant([3, 4])


@pytest.fixture
def grey(random):
    """An image that uses a third of the range of its type."""
    return random.integers(20, 105, (16, 16)).astype(np.uint8)


@pytest.fixture
def tile_of(dataset_of, grey):
    """Returns the image tile of `grey`, changed as the settings say."""
    mask = (np.arange(256).reshape(16, 16) % 3 == 0).astype(np.uint8) * 255

    def make(dataset, **settings):
        strengths = Augmentation(**settings)
        changes = TileChanges(dataset, 16, 16, 16, strengths, None)
        image, _ = changes.tile(
            tf.constant(0, tf.int64),
            tf.constant(grey[..., np.newaxis]),
            tf.constant(mask[..., np.newaxis] // 255),
            None,
            SEED,
        )
        return np.asarray(image)

    make.mask = mask
    return make


def test_without_changes_a_tile_is_the_scaled_window(tile_of, dataset_of, grey):
    dataset = dataset_of(tile_of.mask, scaling="dtype")
    np.testing.assert_allclose(tile_of(dataset)[..., 0], grey / 255, rtol=1e-6)


@pytest.mark.parametrize("change", ["noise", "brightness"])
def test_strengths_are_in_units_of_the_image_however_it_is_scaled(
    tile_of, dataset_of, grey, change
):
    dataset = dataset_of(tile_of.mask, scaling="dtype")
    changed = tile_of(dataset, **{change: 0.3}) - tile_of(dataset)
    # By the range of the type the s.d. of the image is a tenth; the change is a part
    # of that, not of 1.
    unit = (grey.max() - grey.min()) / 255 / 6
    assert 0 < np.abs(changed).max() < 5 * 0.3 * unit


def test_a_tile_of_one_value_stays_finite(tile_of, dataset_of, grey):
    grey[:] = 7
    dataset = dataset_of(tile_of.mask, scaling="dtype")
    assert np.isfinite(tile_of(dataset, noise=0.3, gamma=0.2, brightness=1)).all()
