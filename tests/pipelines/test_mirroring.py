import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_unet import geometry
from pipelines.images import ArrayImage
from pipelines.mirroring import mirrored_window


@settings(max_examples=200)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    top=st.integers(-70, 70),
    left=st.integers(-70, 70),
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
)
def test_any_window_of_any_image_is_mirrored(height, width, top, left, rows, columns):
    pixels = np.arange(height * width * 2).reshape(height, width, 2)
    found = mirrored_window(ArrayImage(pixels, "image"), top, left, rows, columns)
    row_index = geometry.mirror_index(top + np.arange(rows), height)
    column_index = geometry.mirror_index(left + np.arange(columns), width)
    np.testing.assert_array_equal(found, pixels[np.ix_(row_index, column_index)])


def test_the_mirror_is_that_of_numpy():
    pixels = np.arange(20).reshape(4, 5, 1)
    found = mirrored_window(ArrayImage(pixels, "image"), -3, -2, 10, 11)
    padded = np.pad(pixels, [(3, 3), (2, 4), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(found, padded)


@pytest.mark.parametrize("place", [(0, 0, 4, 5), (1, 2, 2, 2)])
def test_a_window_inside_is_read_as_it_is(place):
    pixels = np.arange(20).reshape(4, 5, 1)
    found = mirrored_window(ArrayImage(pixels, "image"), *place)
    assert np.shares_memory(found, pixels)


def test_no_more_is_read_than_the_mirror_shows():
    class Recorder(ArrayImage):
        def window(self, top, left, height, width):
            self.read = (top, left, height, width)
            return super().window(top, left, height, width)

    image = Recorder(np.zeros((1000, 1000, 1)), "image")
    mirrored_window(image, -10, 995, 30, 20)
    # Rows 0 to 19; columns 995 to 999 and their mirror down to 984.
    assert image.read == (0, 984, 20, 16)
