import numpy as np
import pytest

from pipelines.images.windowed import (
    ArrayImage,
    PixelSize,
    Region,
    as_length,
    blocks,
    made_size,
    spans,
)


@pytest.mark.parametrize("block_bytes", [1, 700, 10**4, 10**9])
@pytest.mark.parametrize("shape", [(1, 1, 1), (300, 5, 3), (700, 900, 1)])
def test_blocks_cover_every_pixel_once(shape, block_bytes):
    array = np.arange(np.prod(shape)).reshape(shape)
    found = np.full(shape, -1)
    if block_bytes == 1 and shape[0] == 700:
        block_bytes = 700
    for top, left, pixels in blocks(ArrayImage(array, "a"), block_bytes):
        place = found[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        assert (place == -1).all()
        place[...] = pixels
    np.testing.assert_array_equal(found, array)


def test_a_region_holds_its_first_pixel_and_not_the_one_after_its_last():
    region = Region(4, 8, 2, 3)
    held = [(row, column) for row in range(9) for column in range(13)]
    held = [place for place in held if region.holds(*place)]
    assert held == [(row, column) for row in (4, 5) for column in (8, 9, 10)]


def test_a_region_grows_as_far_as_its_image_goes():
    image = ArrayImage(np.zeros((10, 20, 1)), "a")
    assert Region(4, 8, 2, 3).grown(3, image) == Region(1, 5, 8, 9)
    assert Region(4, 8, 2, 3).grown(9, image) == Region(0, 0, 10, 20)


def test_a_window_has_parts_of_the_tiles_that_it_touches():
    # Pixels 3 to 8, of tiles 0 to 3, 4 to 7 and 8 to 11.
    assert list(spans(3, 6, 4)) == [
        (0, slice(0, 1), slice(3, 4)),
        (1, slice(1, 5), slice(0, 4)),
        (2, slice(5, 6), slice(0, 1)),
    ]
    assert list(spans(5, 2, 4)) == [(1, slice(0, 2), slice(1, 3))]
    assert list(spans(4, 4, 4)) == [(1, slice(0, 4), slice(0, 4))]


def test_an_image_closes_at_the_end_of_its_block():
    closed = []

    class Closing(ArrayImage):
        def close(self):
            closed.append(self.name)

    with Closing(np.zeros((2, 3, 1)), "a") as image:
        assert image.whole().shape == (2, 3, 1)
    assert closed == ["a"]


def test_sizes_without_a_unit_do_not_compare():
    assert as_length(PixelSize(1, 1, "")) is None
    assert as_length(None) is None
    size = PixelSize(1, 1, "nm")
    assert as_length(size) == size


@pytest.mark.parametrize("height", [None, "", "much", 0, -1, float("nan"), "inf"])
def test_what_is_no_size_is_none(height):
    assert made_size(height, 1, "µm") is None


def test_a_width_in_a_unit_that_nobody_knows_is_no_size():
    assert made_size(1, 2, "µm", "pixel") is None
    assert made_size(1, 2, "pixel", "pixel") == PixelSize(1.0, 2.0, "pixel")


def test_a_size_has_the_symbol_of_its_unit():
    assert made_size("1.5", 2, " micron") == PixelSize(1.5, 2.0, "µm")
