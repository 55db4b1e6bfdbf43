import imagecodecs
import numpy as np
import pytest

from pipelines.client import segment_array, segment_image


@pytest.fixture(params=["rest", "grpc"])
def url(request, rest_url, grpc_url):
    return rest_url if request.param == "rest" else grpc_url


def test_a_file_comes_back_as_its_mask(url, random, mask_of):
    image = random.integers(0, 256, (40, 44)).astype(np.uint8)
    mask = segment_image(url, imagecodecs.png_encode(image))
    np.testing.assert_array_equal(imagecodecs.png_decode(mask), mask_of(image))


@pytest.mark.parametrize("size", [(40, 44), (150, 130)])
def test_an_array_of_any_size_comes_back_as_its_mask(url, random, mask_of, size, limit):
    image = random.integers(0, 256, size).astype(np.uint8)
    mask = segment_array(url, image)
    np.testing.assert_array_equal(mask, mask_of(image))
    assert mask.dtype == np.uint8


def test_floats_go_as_regions(grpc_url, random, mask_of):
    image = random.integers(0, 256, (40, 44)).astype(np.float32)
    mask = segment_array(grpc_url, image[..., np.newaxis])
    np.testing.assert_array_equal(mask, mask_of(image))


def test_an_array_whose_version_is_unloaded_is_of_the_next_one(
    swapping, random, mask_of, stricter
):
    image = random.integers(0, 256, (150, 130)).astype(np.uint8)
    found = segment_array(f"{swapping.rest}/v1/models/cells", image)
    wanted = mask_of(image, stricter[1])
    np.testing.assert_array_equal(found, wanted)
    assert (wanted != mask_of(image)).any()


@pytest.mark.parametrize("shape", [(3,), (0, 5), (1, 2, 3, 4)])
def test_what_is_no_image_is_refused(rest_url, shape):
    with pytest.raises(ValueError, match="image must be .height, width"):
        segment_array(rest_url, np.zeros(shape, np.uint8))
