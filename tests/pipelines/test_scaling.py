import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import scaling
from pipelines.images import ArrayImage, blocks
from pipelines.images.moments import Moments

# As in an exported graph: sizes and type of the pixels are not known before.
IN_GRAPH = tf.function(
    scaling.image_statistics,
    input_signature=[tf.TensorSpec((None, None, None), tf.float32)],
)


def streamed(image, how="per_image"):
    return scaling.statistics_of(ArrayImage(image, "image"), how)


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


def test_an_array_is_scaled_by_its_own_statistics_or_by_its_type(random):
    image = random.integers(0, 256, (9, 7, 2)).astype(np.uint8)
    by_type = scaling.scale_array(image, "dtype")
    np.testing.assert_allclose(by_type, image / 255, rtol=1e-6)
    by_itself = scaling.scale_array(image, "per_image")
    expected = (image - image.mean(axis=(0, 1))) / image.std(axis=(0, 1))
    np.testing.assert_allclose(by_itself, expected, atol=1e-6)


def test_what_is_no_image_in_memory_is_refused_with_the_way_out():
    grey = np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match=r"shape \(4, 5\)\. image\[..., None\] gives"):
        scaling.scale_array(grey, "per_image")
    with pytest.raises(ValueError, match="scaling must be per_image or dtype, got 'z'"):
        scaling.scale_array(grey[..., None], "z")
    images = tf.data.Dataset.from_tensors(np.zeros((4, 5, 1), np.uint8))
    with pytest.raises(ValueError, match="scale_image takes tensors of a graph"):
        images.map(lambda image: scaling.scale_array(image, "per_image"))
    (scaled,) = images.map(scaling.scale_image)
    assert scaled.shape == (4, 5, 1)


def test_types_that_were_not_learned_from_are_doubted_with_scaling_dtype_alone():
    (doubt,) = scaling.doubts_of_types("dtype", ["uint8"], ["uint8", "float32"])
    assert doubt.startswith("Pixels are float32, but the run has learned from uint8")
    assert scaling.doubts_of_types("per_image", ["uint8"], ["float32"]) == []
    # Older runs have not recorded them.
    assert scaling.doubts_of_types("dtype", [], ["float32"]) == []


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


# Read block by block.


def images_of_whole_numbers():
    def image(dtype, sides, seed, low, spread):
        random = np.random.default_rng(seed)
        largest = np.iinfo(dtype).max
        high = min(low + spread, largest)
        return random.integers(min(low, high), high, sides, dtype, endpoint=True)

    side = st.integers(1, 40)
    return st.builds(
        image,
        st.sampled_from(["uint8", "uint16", "int16"]),
        st.tuples(side, side, st.integers(1, 3)),
        st.integers(0, 99),
        st.sampled_from([0, 1, 254, 30000, 65534]),
        st.sampled_from([0, 1, 2, 4095, 65535]),
    )


@settings(max_examples=150)
@given(images_of_whole_numbers())
def test_streamed_statistics_have_the_bits_of_those_in_the_graph(image):
    mean, std = streamed(image)
    for found in (
        IN_GRAPH(image.astype(np.float32)),
        scaling.image_statistics(image),
        scaling.image_statistics(image.astype(np.float64)),
    ):
        np.testing.assert_array_equal(mean, found[0])
        np.testing.assert_array_equal(std, found[1])


def test_large_and_bright_images_have_the_bits_of_the_graph_too(random):
    image = random.integers(65000, 65535, (1500, 1400, 1), dtype="uint16")
    image[0, 0] = 0
    for one, other in zip(
        streamed(image), IN_GRAPH(image.astype(np.float32)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_streamed_statistics_of_floats_agree_to_a_millionth(random, dtype):
    image = (random.normal(size=(300, 41, 2)) * [1, 50] + [0.1, 3000]).astype(dtype)
    moments = Moments(2, image.dtype)
    for _, _, pixels in blocks(ArrayImage(image, "image"), block_bytes=4096):
        moments.add(pixels)
    found = scaling.statistics_of_moments(moments)
    for one, other in zip(found, scaling.image_statistics(image), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


# By the type.


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [("uint8", 255), ("uint16", 65535), ("int16", 32767), ("float32", 1)],
)
def test_scaling_by_the_type_divides_by_its_largest_value(dtype, largest):
    image = np.array([[[0], [largest]]], dtype)
    mean, std = streamed(image, "dtype")
    assert (mean, std) == (0, largest)
    np.testing.assert_array_equal(scaling.scale(image, mean, std), [[[0], [1]]])


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


@pytest.mark.parametrize("fraction", [0, 0.5])
def test_an_image_of_several_chunks_has_the_statistics_of_the_whole(
    random, monkeypatch, fraction
):
    monkeypatch.setattr(scaling, "CHUNK_PIXELS", 7)
    image = random.integers(0, 255, (5, 9, 2)) + np.float32(fraction)
    for found in (
        scaling.image_statistics(image),
        tf.function(scaling.image_statistics)(tf.constant(image)),
    ):
        np.testing.assert_allclose(found[0], image.mean(axis=(0, 1)), rtol=1e-6)
        np.testing.assert_allclose(found[1], image.std(axis=(0, 1)), rtol=1e-6)


LARGE = {
    "uint32": np.uint32(4_000_000_000),
    "int32": np.int32(-2_000_000_000),
    "float64": 1e10,
}


def doubt_of(pixels):
    image = ArrayImage(pixels, "a")
    return scaling.doubt_of_digits(scaling.moments_of(image), image.dtype)


@pytest.mark.parametrize("dtype", LARGE)
def test_small_differences_of_large_numbers_are_doubted(random, dtype):
    small = random.integers(0, 200, (40, 50, 1)).astype(dtype)
    assert doubt_of(small) is None
    pixels = small + LARGE[dtype]
    doubt = doubt_of(pixels)
    step = np.spacing(np.float32(np.abs(pixels.mean())))
    assert doubt.startswith(
        f"pixels are {dtype} and lie about {abs(pixels.mean()):.4g} "
    )
    assert f"has steps of {step:g} there" in doubt
    # Half of what is doubted is the error that scaling makes.
    scaled = scaling.scale(pixels, *scaling.statistics_of(ArrayImage(pixels, "a")))
    exact = (pixels - pixels.mean(dtype=float)) / pixels.std(dtype=float)
    assert np.abs(np.asarray(scaled) - exact).max() > 0.5 / scaling.LEAST_STEPS


def test_one_channel_of_several_is_doubted(random):
    pixels = random.random((40, 50, 3))
    assert doubt_of(pixels) is None
    pixels[..., 1] += 1e7
    assert "float64 and lie about 1e+07 from 0" in doubt_of(pixels)


def test_differences_that_float32_holds_or_that_are_none_are_not_doubted(random):
    pixels = random.random((40, 50, 1))
    assert doubt_of(pixels + 1e5) is None
    # These have lost them before.
    assert doubt_of((pixels + 1e7).astype("float32")) is None
    assert doubt_of((pixels + 65000).astype("uint16")) is None
    # Constant, but for what adding up rounds.
    assert doubt_of(np.full((40, 50, 1), 0.1)) is None
    assert doubt_of(np.full((40, 50, 1), 4_000_000_001, "uint32")) is None
