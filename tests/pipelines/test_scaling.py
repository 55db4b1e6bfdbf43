import numpy as np
import pytest
import tensorflow as tf

from pipelines import scaling


def test_statistics_of_each_channel_are_those_worked_out_by_hand():
    image = np.array([[[1, 10], [3, 10]], [[5, 10], [7, 30]]], np.uint16)
    mean, std = scaling.image_statistics(image)
    # (1 + 3 + 5 + 7) / 4 and sqrt((9 + 1 + 1 + 9) / 4); (10 * 3 + 30) / 4 and ...
    np.testing.assert_allclose(mean, [4, 15])
    np.testing.assert_allclose(std, [5**0.5, 75**0.5], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_a_scaled_image_has_mean_0_and_deviation_1(random, dtype):
    image = random.integers(0, 200, (31, 17, 3)).astype(dtype)
    scaled = np.asarray(scaling.scale_image(image))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=(0, 1)), 1, rtol=1e-5)


def test_scaling_ignores_gain_and_offset_of_the_camera(random):
    image = random.integers(0, 4096, (20, 20, 1))
    scaled = scaling.scale_image(image.astype(np.float32))
    changed = scaling.scale_image((image * 16 + 5).astype(np.uint16))
    np.testing.assert_allclose(scaled, changed, atol=1e-6)


@pytest.mark.parametrize("value", [0, 255, 0.1, 1e6 + 0.3, 1e-30, 1e30, -7])
def test_a_constant_image_becomes_zero(value):
    scaled = scaling.scale_image(np.full((37, 11, 1), value, np.float32))
    np.testing.assert_array_equal(scaled, np.zeros((37, 11, 1)))


@pytest.mark.parametrize("step", [1e-20, 1e-38, 1e-44])
def test_tiny_differences_never_become_infinite(step):
    image = np.zeros((4, 4, 1), np.float32)
    image[0, 0] = step
    assert np.isfinite(scaling.scale_image(image)).all()


def test_statistics_do_not_lose_digits_over_many_bright_pixels():
    # Added up in float32, 2**22 values near 65535 would be off by far more than 1.
    image = np.full((2048, 2048, 1), 65535, np.uint16)
    image[::2] = 65533
    mean, std = scaling.image_statistics(image)
    assert float(mean[0]) == 65534
    assert float(std[0]) == 1


def test_a_window_is_scaled_by_the_statistics_of_its_image(random):
    image = random.integers(0, 256, (12, 12, 2)).astype(np.uint8)
    window = scaling.scale(image[3:7, 2:9], *scaling.image_statistics(image))
    np.testing.assert_array_equal(window, scaling.scale_image(image)[3:7, 2:9])


def test_scaling_runs_inside_a_dataset_of_images_of_any_size(random):
    images = [random.random((n, n + 1, 1), dtype="float32") for n in (3, 5)]
    spec = tf.TensorSpec((None, None, 1), tf.float32)
    dataset = tf.data.Dataset.from_generator(lambda: images, output_signature=spec)
    for image, scaled in zip(images, dataset.map(scaling.scale_image), strict=True):
        np.testing.assert_allclose(scaled, scaling.scale_image(image), atol=1e-6)
