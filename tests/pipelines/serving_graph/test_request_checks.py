import numpy as np
import pytest
import tensorflow as tf

from pipelines.serving_graph import request_checks
from pipelines.serving_graph.tiled_graph import Margins

LIMIT = 100
MARGINS = Margins(2, 3, 4)


# In graphs, as in a server: messages of eager checks stand on many lines.


def check_size(height, width):
    def check():
        with tf.control_dependencies([request_checks.check_size(height, width, LIMIT)]):
            return tf.identity(0)

    return tf.function(check)()


def check_images(images):
    return tf.function(lambda: request_checks.check_images(images, LIMIT))()


def check_regions(pixels, mean, std):
    return tf.function(
        lambda: request_checks.check_regions(pixels, mean, std, MARGINS, LIMIT)
    )()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (10, 10), (1, 100), (100, 1)])
def test_sizes_up_to_the_limit_pass(height, width):
    check_size(height, width)


@pytest.mark.parametrize(
    ("height", "width"),
    [(0, 1), (1, 0), (-1, -1), (1, 101), (11, 10), (2**32, 2**32), (2**62, 4)],
)
def test_sizes_beyond_are_refused_with_size_and_limit(height, width):
    words = f"1 to 100 pixels.*{height}.*{width}"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        check_size(tf.constant(height, tf.int64), tf.constant(width, tf.int64))


@pytest.mark.parametrize("dtype", [tf.uint8, tf.uint16, tf.float32])
def test_images_pass_unchanged(dtype):
    images = tf.cast(tf.reshape(tf.range(2 * 3 * 4), (2, 3, 4, 1)), dtype)
    np.testing.assert_array_equal(check_images(images), images)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (tf.zeros((0, 4, 4, 1)), r"at least one image.*\[0 4 4 1\]"),
        (tf.zeros((1, 0, 4, 1)), "1 to 100 pixels.*0.*4"),
        (tf.zeros((2, 10, 11, 1)), "1 to 100 pixels.*10.*11"),
        (tf.constant([[[[np.nan]]]]), "Pixels must be finite"),
        (tf.constant([[[[np.inf]]]]), "Pixels must be finite"),
    ],
)
def test_images_that_cannot_be_segmented_are_refused(images, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        check_images(images)


def region(shape=(1, 9, 9, 2), mean=((1, 2),), std=((3, 4),), value=0.0):
    return (
        tf.fill(shape, tf.constant(value, tf.float32)),
        tf.constant(mean, tf.float32, shape=(len(mean), 2)),
        tf.constant(std, tf.float32, shape=(len(std), 2)),
    )


def test_a_region_with_its_margins_passes():
    pixels, mean, std = region()
    found = check_regions(pixels, mean, std)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": (1, 5, 9, 2)}, "multiples of 4 .* 2 before and 3 after.*5.*9"),
        ({"shape": (1, 9, 10, 2)}, "multiples of 4 .* 2 before and 3 after.*9.*10"),
        ({"shape": (1, 13, 9, 2)}, "1 to 100 pixels.*13.*9"),
        ({"shape": (0, 9, 9, 2), "mean": (), "std": ()}, "for each region, got"),
        ({"shape": (2, 9, 9, 2)}, "for each region, got.*2.*1.*1"),
        ({"mean": ((1, 2), (1, 2))}, "for each region, got.*1.*2.*1"),
        ({"std": ((1, 2), (1, 2))}, "for each region, got.*1.*1.*2"),
        ({"std": ((0, 1),)}, "std above 0"),
        ({"std": ((np.nan, 1),)}, "std above 0|must be finite"),
        ({"mean": ((np.inf, 1),)}, "Mean and std must be finite"),
        ({"value": np.nan}, "Pixels must be finite"),
    ],
)
def test_a_region_that_does_not_fit_is_refused_in_words(changes, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        check_regions(*region(**changes))
