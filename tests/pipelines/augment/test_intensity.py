import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import tensorflow as tf

from pipelines.augment import Augmentation, draws, intensity

CHANGES = [
    intensity.brightness,
    intensity.contrast,
    intensity.gamma,
    intensity.noise,
    intensity.blur,
]


def seeds(count):
    return [tf.constant([number, 7], tf.int32) for number in range(count)]


@pytest.fixture
def image(random):
    return tf.constant(random.normal(0, 1, (32, 24, 2)), tf.float32)


def test_brightness_adds_one_number_of_the_deviation_asked_for(image):
    shifts = []
    for seed in seeds(400):
        difference = intensity.brightness(image, seed, 0.3) - image
        np.testing.assert_allclose(difference, difference[0, 0, 0], atol=1e-5)
        shifts.append(float(difference[0, 0, 0]))
    assert np.std(shifts) == pytest.approx(0.3, abs=0.05)
    assert np.mean(shifts) == pytest.approx(0, abs=0.06)


def test_contrast_multiplies_by_one_factor_of_the_deviation_asked_for(image):
    logarithms = []
    for seed in seeds(400):
        ratio = intensity.contrast(image, seed, 0.3) / image
        np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-5)
        logarithms.append(np.log(ratio[0, 0, 0]))
    assert np.std(logarithms) == pytest.approx(0.3, abs=0.05)
    assert np.mean(logarithms) == pytest.approx(0, abs=0.06)


def test_gamma_is_a_power_of_the_deviation_asked_for_and_keeps_the_range():
    image = tf.constant([-3.0, -1.0, 5.0])[:, tf.newaxis, tf.newaxis]
    exponents = []
    for seed in seeds(400):
        low, middle, high = np.ravel(intensity.gamma(image, seed, 0.3))
        assert low == pytest.approx(-3, abs=1e-4)
        assert high == pytest.approx(5, abs=1e-5)
        # The pixel at a quarter of the range: 0.25 to the power.
        exponents.append(np.log((middle + 3) / 8) / np.log(0.25))
    logarithms = np.log(exponents)
    assert np.std(logarithms) == pytest.approx(0.3, abs=0.05)
    assert np.mean(logarithms) == pytest.approx(0, abs=0.06)


def test_gamma_leaves_a_constant_tile_as_it_is():
    image = tf.fill([4, 4, 1], 2.5)
    changed = intensity.gamma(image, seeds(1)[0], 1.0)
    np.testing.assert_allclose(changed, image, atol=1e-5)


def test_noise_is_normal_and_of_at_most_the_deviation_asked_for():
    image = tf.zeros([64, 64, 1])
    noises = [np.ravel(intensity.noise(image, seed, 0.5)) for seed in seeds(100)]
    deviations = np.std(noises, axis=1)
    assert deviations.min() < 0.05 and 0.45 < deviations.max() < 0.52
    assert np.mean(deviations) == pytest.approx(0.25, abs=0.05)
    assert scipy.stats.normaltest(noises[0]).pvalue > 0.001
    assert np.abs(np.corrcoef(noises[0], noises[1])[0, 1]) < 0.06


def test_noise_of_channels_has_nothing_in_common():
    noise = intensity.noise(tf.zeros([64, 64, 2]), seeds(1)[0], 1.0)
    first, second = np.ravel(noise[..., 0]), np.ravel(noise[..., 1])
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.06


@pytest.mark.parametrize("strength", [0.3, 1.5, 3.0])
def test_blur_is_the_gaussian_of_scipy(image, strength):
    for seed in seeds(5):
        sigma = float(draws.uniform(seed, [], 0.0, strength))
        radius = int(np.ceil(3 * strength))
        expected = scipy.ndimage.gaussian_filter(
            image.numpy().astype(float), max(sigma, 0.05), radius=radius,
            mode="mirror", axes=(0, 1),
        )  # fmt: skip
        found = intensity.blur(image, seed, strength)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_tiles_smaller_than_the_blur_are_blurred_within_themselves():
    image = tf.constant([[[0.0], [4.0]]])
    blurred = np.ravel(intensity.blur(image, seeds(1)[0], 5.0))
    # One row: only columns have something to share, each with its one neighbour.
    assert blurred.sum() == pytest.approx(4, abs=1e-5)
    assert 0 < blurred.min() < blurred.max() < 4


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_grows_from_nothing_with_its_strength(image, change):
    seed = seeds(1)[0]
    tiny, small, large = (
        np.abs(change(image, seed, strength) - image).mean()
        for strength in (1e-3, 0.5, 2.0)
    )
    assert tiny < 5e-3 < small < large


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_the_same_alone_and_inside_a_dataset(image, change):
    seed = seeds(2)[1]
    mapped = tf.data.Dataset.from_tensors(seed).map(
        lambda seed: change(image, seed, 0.7)
    )
    np.testing.assert_array_equal(next(iter(mapped)), change(image, seed, 0.7))


@pytest.mark.parametrize("change", CHANGES)
def test_each_setting_switches_its_change_on(image, change):
    config = Augmentation(**{change.__name__: 0.4})
    position = ["blur", "gamma", "contrast", "brightness", "noise"].index(
        change.__name__
    )
    seed = seeds(1)[0]
    own_seed = draws.split(seed, 5)[position]
    np.testing.assert_array_equal(
        intensity.change_intensity(image, seed, config), change(image, own_seed, 0.4)
    )


def test_intensity_is_left_alone_when_switched_off(image):
    assert intensity.change_intensity(image, seeds(1)[0], Augmentation()) is image
