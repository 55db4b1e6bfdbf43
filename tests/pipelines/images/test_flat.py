import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.images.flat import FlatArray, FlatImage
from pipelines.images.handles import SourceFile


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("flat")


def flat_image(path, array, order, dtype=None):
    """Writes an array in some order of its axes behind 10 other bytes."""
    stored = np.ascontiguousarray(array.transpose(order))
    path.write_bytes(b"x" * 10 + stored.tobytes())
    strides = np.array(stored.strides)[np.argsort(order)]
    flat = FlatArray(10, array.shape, tuple(map(int, strides)), array.dtype)
    assert flat.end == path.stat().st_size
    return FlatImage(SourceFile(path), flat, "name", "NPY")


@settings(max_examples=150)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
    order=st.permutations(range(3)),
    dtype=st.sampled_from(["|u1", "<u2", ">u2", "<f4", ">f8", "|b1"]),
    data=st.data(),
)
def test_any_window_of_any_order_of_axes_is_read(folder, shape, order, dtype, data):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    image = flat_image(folder / "file", array, order)
    top = data.draw(st.integers(0, shape[0] - 1))
    left = data.draw(st.integers(0, shape[1] - 1))
    height = data.draw(st.integers(1, shape[0] - top))
    width = data.draw(st.integers(1, shape[1] - left))
    window = image.window(top, left, height, width)
    np.testing.assert_array_equal(
        window, array[top : top + height, left : left + width]
    )
    assert window.dtype == image.dtype and window.dtype.isnative


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_rows_far_from_each_other_are_read_one_by_one(folder, order):
    array = np.arange(30 * 40_000, dtype="u4").reshape(30, 40_000, 1)
    image = flat_image(folder / "wide", array, order)
    np.testing.assert_array_equal(image.window(3, 7, 20, 5), array[3:23, 7:12])
    np.testing.assert_array_equal(image.whole(), array)


def test_numbers_far_from_each_other_are_read_one_by_one(folder):
    # As of the frames of a film, saved in the order of Fortran.
    film = np.arange(5000 * 4 * 6, dtype="f4").reshape(5000, 4, 6)
    stored = np.asfortranarray(film)
    (folder / "film").write_bytes(stored.tobytes("F"))
    strides = (*map(int, stored.strides[1:]), 4)
    flat = FlatArray(3 * 4, (4, 6, 1), strides, film.dtype)
    image = FlatImage(SourceFile(folder / "film"), flat, "name", "NPY")
    np.testing.assert_array_equal(image.whole()[..., 0], film[3])
    np.testing.assert_array_equal(image.window(1, 2, 2, 3)[..., 0], film[3, 1:3, 2:5])


def test_a_file_cut_while_it_is_open_is_refused_by_name(folder):
    path = folder / "cut"
    image = flat_image(path, np.zeros((4, 5, 1), "u1"), (0, 1, 2))
    path.write_bytes(path.read_bytes()[:12])
    with pytest.raises(ValueError, match="^name: the file has changed while"):
        image.whole()
