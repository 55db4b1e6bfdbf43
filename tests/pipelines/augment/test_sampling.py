import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.augment import sample_bilinear, sample_nearest
from pipelines.augment.coordinates import displacement_field


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_bilinear_sampling_is_that_of_scipy(random, dtype):
    window = random.integers(0, 200, (12, 12, 2)).astype(dtype)
    # Up to a window beyond the edges.
    places = random.uniform(-11, 22, (2, 20, 30)).astype(np.float32)
    found = sample_bilinear(tf.constant(window), tf.constant(places))
    assert (found.shape, found.dtype) == ((20, 30, 2), tf.float32)
    for channel in range(2):
        expected = scipy.ndimage.map_coordinates(
            window[..., channel].astype(float), places, order=1, mode="mirror"
        )
        np.testing.assert_allclose(found[..., channel], expected, atol=2e-3)


def test_whole_places_give_the_pixels_exactly(random):
    window = random.normal(0, 1e3, (9, 9, 3)).astype(np.float32)
    places = tf.constant(np.stack(np.mgrid[:9, :9]), tf.float32)
    np.testing.assert_array_equal(sample_bilinear(tf.constant(window), places), window)
    np.testing.assert_array_equal(sample_nearest(tf.constant(window), places), window)


def test_nearest_sampling_takes_the_nearest_pixel_mirrored_outside():
    mask = tf.constant(np.arange(9, dtype=np.uint8).reshape(3, 3, 1))
    places = tf.constant([[[0.4, 1.51, -1.0, 3.2]], [[0.6, 1.49, 0.0, 4.0]]])
    # Rows and columns 0 1, 2 1, 1 0 and (mirrored) 1 0.
    found = sample_nearest(mask, places)
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found[0, :, 0], [1, 7, 3, 3])


def test_places_far_beyond_the_window_are_at_its_edge():
    window = tf.constant(np.arange(9, dtype=np.uint8).reshape(3, 3, 1))
    places = tf.constant([[[-1e6, 1e6]], [[1e6, -1e6]]])
    for sample in (sample_bilinear, sample_nearest):
        assert set(np.ravel(sample(window, places))) <= {0, 2, 6, 8}


def test_a_window_of_one_pixel_can_be_sampled():
    window = tf.constant([[[7.0]]])
    places = tf.constant([[[-0.6, 0.0, 2.5]], [[0.3, 0.0, -9.0]]])
    for sample in (sample_bilinear, sample_nearest):
        np.testing.assert_array_equal(sample(window, places), np.full((1, 3, 1), 7))


@settings(max_examples=50)
@given(st.integers(0, 2**31 - 1), st.floats(0.1, 30))
def test_image_and_mask_never_drift_apart(number, sigma):
    # The image says its own row and column.
    window = np.stack(np.mgrid[:48, :48], axis=-1).astype(np.float32)
    classes = (window[..., :1] // 3 * 5 + window[..., 1:] // 2) % 200
    field = displacement_field(tf.constant([number, 1]), 32, sigma)
    places = np.stack(np.mgrid[8:40, 8:40]).astype(np.float32) + field
    shown = np.asarray(sample_bilinear(tf.constant(window), places))
    mask = np.asarray(sample_nearest(tf.constant(classes.astype(np.uint8)), places))
    nearest = np.floor(shown + 0.5).astype(int)
    expected = classes[nearest[..., 0], nearest[..., 1]]
    # Halfway between two pixels the last digit decides.
    clear = (np.abs(shown - np.floor(shown) - 0.5) > 1e-3).all(axis=-1)
    np.testing.assert_array_equal(mask[clear], expected[clear])


@pytest.mark.filterwarnings("ignore::UserWarning:tensorflow_addons")
def test_the_warp_is_that_of_tensorflow_addons(random):
    addons = pytest.importorskip(
        "tensorflow_addons", reason="TensorFlow Addons is on the addons stack only"
    )
    field = np.asarray(displacement_field(tf.constant([0, 7]), 32, 2.0))
    # Addons repeats border pixels where this mirrors: stay inside.
    assert np.abs(field).max() < 8
    window = random.normal(0, 1, (48, 48, 1)).astype(np.float32)
    # Its flow points backwards: output[i] = image[i - flow[i]].
    flow = np.pad(-np.moveaxis(field, 0, -1), [(8, 8), (8, 8), (0, 0)])
    theirs = addons.image.dense_image_warp(window[np.newaxis], flow[np.newaxis])[0]
    places = np.stack(np.mgrid[8:40, 8:40]).astype(np.float32) + field
    ours = sample_bilinear(tf.constant(window), places)
    np.testing.assert_allclose(ours, theirs[8:-8, 8:-8], atol=1e-4)


@pytest.mark.parametrize("sample", [sample_bilinear, sample_nearest])
def test_sampling_is_the_same_alone_and_inside_a_dataset(random, sample):
    window = tf.constant(random.normal(0, 1, (20, 20, 1)), tf.float32)
    places = tf.constant(random.uniform(-2, 22, (2, 16, 16)), tf.float32)
    mapped = tf.data.Dataset.from_tensors((window, places)).map(sample)
    np.testing.assert_array_equal(next(iter(mapped)), sample(window, places))
