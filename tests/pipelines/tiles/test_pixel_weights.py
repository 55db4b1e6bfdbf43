import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from keras_unet.border_weights import border_closeness, border_weights
from pipelines.config import WeightConfig
from pipelines.tiles.pixel_weights import class_table, pixel_weights


@dataclasses.dataclass
class Counts:
    """What `pixel_weights` takes of a data set."""

    counts: list
    pixels: int | None = None

    def class_counts(self):
        return np.array(self.counts)

    @property
    def pairs(self):
        return self.counts

    @property
    def facts(self):
        pixels = np.sum(self.counts) if self.pixels is None else self.pixels
        return [types.SimpleNamespace(height=int(pixels), width=1)]


TWO_IMAGES = Counts([[90, 10], [40, 60]])


def tile_weights(weights, index, mask, closeness=None):
    mask = tf.constant(mask, tf.uint8)[..., tf.newaxis]
    if closeness is not None:
        closeness = tf.constant(closeness, tf.float32)[..., tf.newaxis]
    found = weights.of_tile(tf.constant(index, tf.int64), mask, closeness)
    assert found.dtype == tf.float32
    assert found.shape == mask.shape
    return found.numpy()[..., 0]


def test_there_is_nothing_to_weigh_by_default():
    assert pixel_weights(TWO_IMAGES, WeightConfig()) is None


def test_ignored_pixels_weigh_nothing_and_all_others_1():
    weights = pixel_weights(Counts([[90, 10], [40, 60]], pixels=201), WeightConfig())
    found = tile_weights(weights, 1, [[0, 1, 255, 0]])
    np.testing.assert_array_equal(found, [[1, 1, 0, 1]])


def test_numbers_are_the_weights_of_the_classes():
    config = WeightConfig(class_weights=("0.5", "3", "0"))
    weights = pixel_weights(Counts([[5, 5, 5]]), config)
    found = tile_weights(weights, 0, [[0, 1, 2, 255]])
    np.testing.assert_array_equal(found, [[0.5, 3, 0, 0]])


def test_balanced_weights_are_of_the_whole_set():
    weights = pixel_weights(TWO_IMAGES, WeightConfig(class_weights=("balanced",)))
    # 200 pixels, 130 and 70 of them: 200 / (2 * 130) and 200 / (2 * 70).
    for index in (0, 1):
        found = tile_weights(weights, index, [[0, 1, 255]])
        np.testing.assert_allclose(found, [[10 / 13, 10 / 7, 0]], rtol=1e-6)


def test_balanced_weights_are_of_the_tiles_that_are_shown():
    config = WeightConfig(class_weights=("balanced",))
    # The stream shows the rarer class in 0.4 of the pixels instead of 0.1.
    weights = pixel_weights(Counts([[90, 10]]), config, np.array([0.6, 0.4]))
    found = tile_weights(weights, 0, [[0, 1]])
    np.testing.assert_allclose(found, [[1 / (2 * 0.6), 1 / (2 * 0.4)]], rtol=1e-6)
    # Of each image as much less, with a weight map.
    config = WeightConfig(weight_map="paper")
    weights = pixel_weights(TWO_IMAGES, config, np.array([0.5, 0.5]))
    found = tile_weights(weights, 0, [[0, 1]], [[0, 0]])
    expected = [[100 / 180 * 0.65 / 0.5, 100 / 20 * 0.35 / 0.5]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_balanced_weight_is_above_100():
    weights = pixel_weights(
        Counts([[10**6, 10]]), WeightConfig(class_weights=("balanced",))
    )
    np.testing.assert_allclose(tile_weights(weights, 0, [[1]]), [[100]])


def test_whole_images_are_weighed_as_in_training_without_the_border():
    training, held_out = Counts([[90, 10]]), Counts([[50, 50], [75, 25]])

    def table(**settings):
        return class_table(training, held_out, WeightConfig(**settings))

    assert table() is None
    balanced = [100 / 180, 100 / 20, 0]
    np.testing.assert_allclose(
        table(class_weights=("balanced",)), [balanced] * 2, rtol=1e-6
    )
    np.testing.assert_allclose(table(class_weights=("1", "3")), [[1, 3, 0]] * 2)
    # Of each image its own.
    expected = [[1, 1, 0], [100 / 150, 2, 0]]
    np.testing.assert_allclose(table(weight_map="paper"), expected, rtol=1e-6)


def test_a_weight_map_balances_each_image_as_in_the_paper():
    weights = pixel_weights(TWO_IMAGES, WeightConfig(weight_map="paper"))
    assert (weights.w0, weights.sigma) == (10, 5)
    found = tile_weights(weights, 0, [[0, 1, 255]], [[0, 0, 0.5]])
    np.testing.assert_allclose(found, [[100 / 180, 100 / 20, 0]], rtol=1e-6)
    found = tile_weights(weights, 1, [[0, 1]], [[0.2, 0.1]])
    np.testing.assert_allclose(found, [[100 / 80 + 2, 100 / 120 + 1]], rtol=1e-6)


def test_class_and_border_weights_together_are_the_map_of_keras_unet(random):
    labels = np.zeros((30, 40), np.int32)
    labels[3:9, 3:9], labels[11:20, 4:30], labels[22:28, 20:24] = 1, 2, 3
    mask = (labels > 0).astype(np.uint8)
    counts = Counts([np.bincount(mask.ravel())])
    weights = pixel_weights(counts, WeightConfig(weight_map="authors-tool"))
    found = tile_weights(weights, 0, mask, border_closeness(labels, weights.sigma))
    expected = border_weights(labels, w0=50, sigma=6)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "w0", "sigma"),
    [
        ({"weight_map": "authors-tool"}, 50, 6),
        ({"weight_map": "paper", "border_weight": 0}, 0, 5),
        ({"weight_map": "paper", "border_sigma": 2.5}, 10, 2.5),
    ],
)
def test_presets_can_be_overridden(settings, w0, sigma):
    weights = pixel_weights(TWO_IMAGES, WeightConfig(**settings))
    assert (weights.w0, weights.sigma) == (w0, sigma)


def test_numbers_replace_the_balance_of_a_weight_map():
    config = WeightConfig(weight_map="paper", class_weights=("1", "2"))
    weights = pixel_weights(TWO_IMAGES, config)
    found = tile_weights(weights, 0, [[0, 1]], [[0, 0]])
    np.testing.assert_array_equal(found, [[1, 2]])


def test_another_number_of_weights_than_classes_is_refused():
    config = WeightConfig(class_weights=("1", "2"))
    with pytest.raises(ValueError, match="class_weights.* 3 classes.*got 1,2"):
        pixel_weights(Counts([[1, 1, 1]]), config)


def test_weights_that_are_all_0_are_refused():
    config = WeightConfig(class_weights=("0", "0.0"))
    with pytest.raises(ValueError, match="class_weights are all 0"):
        pixel_weights(TWO_IMAGES, config)
