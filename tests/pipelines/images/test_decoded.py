import numpy as np
import pytest

from pipelines.images import ArrayCache, ArrayImage, decoded
from pipelines.images.decoded import (
    MemoryImage,
    decoded_image,
    fill_by_rows,
    windows_or_whole,
)
from pipelines.images.handles import SourceFile


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"as it was")
    return path


def opened(path, cache, calls, *key):
    def fill(array):
        calls.append(path.read_bytes())
        array[...] = len(calls[-1])

    about = SourceFile(path), "PNG", "a", (4, 5, 1), np.dtype("uint8")
    return decoded_image(*about, fill, cache, *key)


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
    about = SourceFile(path), "PNG", "a page", (4, 5, 1), np.dtype("uint8")
    image = decoded_image(*about, fill, cache)
    with pytest.raises(ValueError, match="^a page: cannot be read as PNG .bad block"):
        image.whole()


def test_a_file_that_changes_while_it_is_decoded_is_not_called_damaged(path):
    def fill(array):
        path.write_bytes(b"half of another")
        raise RuntimeError("bad block")

    about = SourceFile(path), "PNG", "a", (4, 5, 1), np.dtype("uint8")
    image = decoded_image(*about, fill, None)
    with pytest.raises(ValueError, match="^a: the file has changed while it was read"):
        image.whole()


class Windows(ArrayImage):
    """An image that is read by windows, and counts the rows of the highest."""

    highest = 0

    def window(self, top, left, height, width):
        self.highest = max(self.highest, height)
        return super().window(top, left, height, width)


@pytest.fixture
def windows(random):
    return Windows(random.integers(0, 255, (40, 30, 2), "uint8"), "a")


def test_a_whole_is_filled_row_of_segments_by_row(path, windows, monkeypatch):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 1000)
    whole = windows_or_whole(
        *(windows, path, "PNG", None), segment_bytes=1001, segment_rows=16
    )
    found = whole.whole()
    assert windows.highest == 16
    np.testing.assert_array_equal(found, windows.whole())


def test_a_large_image_of_large_segments_is_not_decoded_into_memory(
    path, tmp_path, windows, monkeypatch
):
    def is_decoded(segment_bytes, cache=None):
        about = {"segment_bytes": segment_bytes, "segment_rows": 16}
        return windows_or_whole(windows, path, "PNG", cache, **about) is not windows

    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 1000)
    monkeypatch.setattr(decoded, "_MOST_KEPT", 2000)
    cache = ArrayCache(tmp_path / "cache", 10**6)
    assert not is_decoded(1000, cache)
    assert not is_decoded(2000)
    # Segments that are not kept would be decoded for every window.
    assert is_decoded(2001)
    assert is_decoded(2000, cache)
    monkeypatch.setattr(decoded, "_MOST_KEPT", 2400)
    assert is_decoded(2000)


def test_an_image_too_large_for_memory_is_one_sentence(monkeypatch):
    def no_memory(*_):
        raise MemoryError

    image = MemoryImage("a.png", (2, 3, 1), np.dtype("uint8"), lambda _: None)
    monkeypatch.setattr("pipelines.images.decoded.np.empty", no_memory)
    with pytest.raises(ValueError, match=r"a\.png: its pixels do not fit into memory"):
        image.whole()


def test_what_decoding_takes_is_told_where_the_pixels_go_to_the_cache(
    path, tmp_path, windows, monkeypatch
):
    monkeypatch.setattr(decoded, "LARGE_SEGMENT", 100)
    cache = ArrayCache(tmp_path / "cache", 10**6)
    for segment_bytes, expected in ((100, 0), (960, 1920), (np.inf, 2 * 2400)):
        about = {"segment_bytes": segment_bytes, "segment_rows": 16}
        image = windows_or_whole(windows, path, "PNG", cache, **about)
        assert image.decoding_bytes == expected


@pytest.mark.parametrize("rows", [None, 1, 7, 40])
def test_an_array_is_filled_by_rows_to_its_last(random, rows, monkeypatch):
    monkeypatch.setattr(decoded, "BLOCK_BYTES", 250)
    pixels = random.integers(0, 255, (40, 30, 2), "uint8")
    array, heights = np.zeros_like(pixels), []

    def read(top, count):
        heights.append(count)
        return pixels[top : top + count]

    fill_by_rows(array, read, rows)
    np.testing.assert_array_equal(array, pixels)
    # 60 bytes a row: four of them by default.
    assert max(heights) == (rows or 4)
