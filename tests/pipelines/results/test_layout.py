import numpy as np
import pytest

from pipelines.images import PixelSize
from pipelines.images.origin import Origin, Plane
from pipelines.results.layout import ImageLayout, ImageToWrite, halve, row_bands


def windows(image, height, width):
    for top in range(0, image.shape[0], height):
        for left in range(0, image.shape[1], width):
            yield top, left, image[top : top + height, left : left + width]


def to_write(image, height=7, width=5, **about):
    return ImageToWrite(
        ImageLayout(*image.shape, image.dtype, **about), windows(image, height, width)
    )


@pytest.mark.parametrize("window", [(1, 1), (7, 5), (40, 40), (3, 40), (40, 3)])
@pytest.mark.parametrize("rows", [1, 4, 16, 100])
def test_bands_are_the_image_from_top_to_bottom(random, window, rows):
    image = random.integers(0, 256, (33, 21, 2), dtype=np.uint8)
    bands = list(row_bands(to_write(image, *window), rows))
    assert {len(band) for band in bands[:-1]} <= {rows}
    assert len(bands[-1]) <= rows
    np.testing.assert_array_equal(np.concatenate(bands), image)


def test_smaller_levels_of_classes_are_every_second_pixel():
    band = np.arange(15, dtype=np.uint8).reshape(3, 5, 1)
    expected = [[0, 2, 4], [10, 12, 14]]
    np.testing.assert_array_equal(halve(band, averaged=False)[..., 0], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_smaller_levels_of_probabilities_are_means(dtype):
    band = np.array([[0, 2, 7], [4, 6, 9], [250, 254, 255]], dtype)[..., np.newaxis]
    halved = halve(band, averaged=True)
    assert halved.dtype == dtype
    # The border pixel stands for the one that an odd size lacks.
    np.testing.assert_array_equal(halved[..., 0], [[3, 8], [252, 255]])


def test_levels_end_with_one_tile():
    layout = ImageLayout(
        1030, 3000, 1, np.dtype(np.uint8), pixel_size=PixelSize(0.5, 0.25, "\u00b5m")
    )
    sizes = [(level.height, level.width) for level in layout.levels()]
    assert sizes == [(1030, 3000), (515, 1500), (258, 750), (129, 375)]
    assert layout.levels()[2].pixel_size == PixelSize(2.0, 1.0, "\u00b5m")
    assert layout.num_bytes == 1030 * 3000


def test_what_a_layout_is_called_does_not_grow_with_a_stack():
    about = {"height": 3, "width": 4, "channels": 1, "dtype": np.dtype(np.uint8)}
    planes = (Plane(PositionX=1.0),) * 10_000
    assert repr(ImageLayout(**about, origin=Origin(planes=planes))) == repr(
        ImageLayout(**about)
    )
