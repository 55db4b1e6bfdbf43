import numpy as np
import pytest

from pipelines.images import npy


def saved(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32", "bool"])
def test_values_are_those_of_the_file_in_either_order(tmp_path, random, dtype, order):
    array = np.asarray(random.integers(0, 2, (7, 9, 3)).astype(dtype), order=order)
    image = npy.open_npy(saved(tmp_path / "a.npy", array), 0, "a")
    np.testing.assert_array_equal(image.whole(), array)
    assert image.dtype.isnative and image.dtype.kind in "uf"


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 50), "YX"),
        ((4, 50, 16), "YXC"),
        ((4, 50, 17), "NYX"),
        ((4, 5, 6, 2), "NYXC"),
    ],
)
def test_the_number_and_length_of_axes_say_what_they_are(tmp_path, shape, axes):
    assert npy.array_axes(shape) == axes
    array = np.arange(np.prod(shape)).reshape(shape)
    path = saved(tmp_path / "a.npy", array)
    count = shape[0] if axes[0] == "N" else 1
    assert npy.count_images(path) == count
    last = array[-1] if axes[0] == "N" else array
    last = last if axes[-1] == "C" else last[..., np.newaxis]
    np.testing.assert_array_equal(npy.open_npy(path, count - 1, "a").whole(), last)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(5), "2 to 4 axes, got 1"),
        (np.zeros((2, 0)), "should hold float64 of shape"),
        (np.zeros((2, 3), complex), "expected real numbers, got complex128"),
        (np.array([["a"]]), "expected real numbers"),
    ],
)
def test_what_is_no_image_is_refused_by_name(tmp_path, array, reason):
    with pytest.raises(ValueError, match=f"^a: cannot be read as NPY .*{reason}"):
        npy.open_npy(saved(tmp_path / "a.npy", array), 0, "a")


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(ValueError, match="expected real numbers, got object"):
        npy.open_npy(path, 0, "a")
