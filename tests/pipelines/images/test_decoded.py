import numpy as np
import pytest

from pipelines.images import ArrayCache
from pipelines.images.decoded import decoded_image


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"as it was")
    return path


def opened(path, cache, calls, *key):
    def fill(array):
        calls.append(path.read_bytes())
        array[...] = len(calls[-1])

    return decoded_image(
        path, "PNG", "a", (4, 5, 1), np.dtype("uint8"), fill, cache, *key
    )


@pytest.mark.parametrize("cached", [False, True])
def test_an_image_is_decoded_at_its_first_window_and_once(tmp_path, path, cached):
    cache, calls = ArrayCache(tmp_path / "cache", 10**6) if cached else None, []
    image = opened(path, cache, calls)
    assert not calls
    for _ in range(2):
        np.testing.assert_array_equal(image.window(1, 1, 2, 3), np.full((2, 3, 1), 9))
    assert len(calls) == 1


def test_a_cache_that_is_too_small_leaves_memory(tmp_path, path):
    image = opened(path, ArrayCache(tmp_path / "cache", 10), [])
    assert (image.whole() == 9).all()
    assert not (tmp_path / "cache").exists()


def test_a_file_that_has_changed_is_decoded_anew(tmp_path, path):
    cache, calls = ArrayCache(tmp_path / "cache", 10**6), []
    opened(path, cache, calls).whole()
    path.write_bytes(b"another")
    assert (opened(path, cache, calls).whole() == 7).all()


def test_what_else_the_pixels_depend_on_is_told_apart(tmp_path, path):
    cache, calls = ArrayCache(tmp_path / "cache", 10**6), []
    for page in (0, 1, 0, 1):
        opened(path, cache, calls, page).whole()
    assert len(calls) == 2


@pytest.mark.parametrize("cached", [False, True])
def test_damage_found_when_decoding_names_the_image(tmp_path, path, cached):
    def fill(array):
        raise RuntimeError("bad block")

    cache = ArrayCache(tmp_path / "cache", 10**6) if cached else None
    image = decoded_image(
        path, "PNG", "a page", (4, 5, 1), np.dtype("uint8"), fill, cache
    )
    with pytest.raises(ValueError, match="^a page: cannot be read as PNG .bad block"):
        image.whole()
