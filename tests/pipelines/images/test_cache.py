import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from pipelines.images import ArrayCache, cache_folder, file_key

SHAPE = (10, 10, 1)
# An array of 100 bytes and its header.
ENTRY_BYTES = 228


class Fill:
    """Fills arrays with a number and counts how often."""

    def __init__(self, value=0):
        self.value, self.calls = value, 0

    def __call__(self, array):
        self.calls += 1
        array[...] = self.value


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def get(cache, value, fill=None, shape=SHAPE):
    return cache.get(f"key {value}", f"image {value}", shape, "uint8", fill)


def files(folder):
    return sorted(path for path in folder.iterdir() if path.suffix == ".npy")


def test_an_array_is_made_at_its_first_window_and_once(folder):
    cache, fill = ArrayCache(folder, 10**6), Fill(7)
    image = get(cache, 7, fill)
    assert (image.height, image.width, image.channels) == SHAPE
    assert fill.calls == 0 and not folder.exists()
    for _ in range(3):
        assert (image.window(2, 3, 4, 5) == 7).all()
    # Another run finds it.
    again = get(ArrayCache(folder, 10**6), 7, Fill(8))
    assert (again.whole() == 7).all()
    assert fill.calls == 1
    (path,) = files(folder)
    np.testing.assert_array_equal(np.load(path), np.full(SHAPE, 7))
    assert path.stat().st_size == ENTRY_BYTES


def test_arrays_used_longest_ago_make_room(folder):
    cache = ArrayCache(folder, 3 * ENTRY_BYTES)
    fills = [Fill(value) for value in range(4)]
    images = [get(cache, value, fills[value]) for value in range(4)]
    for image in images[:3]:
        image.whole()
    paths = {int(np.load(path)[0, 0, 0]): path for path in files(folder)}
    for value, path in paths.items():
        # Times of access, which are too close to each other in a test.
        os.utime(path, (1_000 + value, 1_000))
    with open(paths[0], "rb") as file:
        cache_folder.mark_used(file.fileno())
    images[3].whole()
    assert len(files(folder)) == 3
    assert {int(np.load(path)[0, 0, 0]) for path in files(folder)} == {0, 2, 3}


def test_what_is_larger_than_the_bound_is_not_taken(folder):
    assert get(ArrayCache(folder, ENTRY_BYTES - 1), 1, Fill()) is None
    assert get(ArrayCache(folder, ENTRY_BYTES), 1, Fill()) is not None


@pytest.mark.parametrize("damage", [os.unlink, lambda path: os.truncate(path, 150)])
def test_a_removed_or_torn_array_is_made_again(folder, damage):
    fill = Fill(7)
    get(ArrayCache(folder, 10**6), 7, fill).whole()
    damage(files(folder)[0])
    assert (get(ArrayCache(folder, 10**6), 7, fill).whole() == 7).all()
    assert fill.calls == 2


def test_an_open_array_stays_readable_when_it_is_removed(folder):
    image = get(ArrayCache(folder, 10**6), 7, Fill(7))
    image.whole()
    os.unlink(files(folder)[0])
    assert (image.whole() == 7).all()


def test_what_fill_raises_comes_out_and_leaves_nothing(folder):
    def fail(array):
        raise ValueError("a.png: cannot be read.")

    image = get(ArrayCache(folder, 10**6), 7, fail)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^a\.png: cannot be read\.$"):
            image.whole()
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_threads_make_an_array_once(folder):
    fill, cache = Fill(7), ArrayCache(folder, 10**6)
    images = [get(cache, 7, fill) for _ in range(8)]
    barrier, right = threading.Barrier(8, timeout=10), []

    def work(image):
        barrier.wait()
        right.append((image.whole() == 7).all())

    threads = [threading.Thread(target=work, args=(image,)) for image in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 8
    assert fill.calls == 1


def test_an_array_may_need_another_of_the_cache(folder):
    cache = ArrayCache(folder, 10**6)
    mask = get(cache, 1, Fill(1))

    def fill(array):
        array[...] = mask.whole() + 1

    assert (get(cache, 2, fill).whole() == 2).all()


PROCESS = textwrap.dedent("""
    import sys
    import numpy as np
    from pipelines.images import ArrayCache

    cache = ArrayCache(sys.argv[1], 5 * 100_128)
    random = np.random.default_rng(int(sys.argv[2]))
    for value in random.integers(0, 12, 150):
        def fill(array):
            array[...] = value

        image = cache.get(f"key {value}", "a", (250, 400, 1), "uint8", fill)
        top = random.integers(0, 200)
        assert (image.window(top, 0, 50, 400) == value).all()
""")


def test_processes_share_a_folder_that_is_too_small_for_both(folder):
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), str(seed)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    for run in runs:
        _, said = run.communicate(timeout=60)
        assert run.returncode == 0, said
    assert len(files(folder)) <= 5
    assert not list(folder.glob(".*.part"))


def test_a_key_changes_with_the_file_and_what_else_counts(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    keys = {file_key(path), file_key(path, 1), file_key(path, 2)}
    path.write_bytes(b"longer than before")
    keys.add(file_key(path))
    os.utime(path, (5, 5))
    keys.add(file_key(path))
    assert len(keys) == 5


def test_the_key_of_a_folder_changes_with_what_is_deep_in_it(tmp_path):
    chunk = tmp_path / "a.zarr" / "c" / "0"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"1")
    # Earlier than now, as everything else in there: a clock may tick too seldom.
    for path in (chunk, *chunk.parents[:2]):
        os.utime(path, (5, 5))
    keys = {file_key(tmp_path / "a.zarr")}
    chunk.write_bytes(b"2")
    keys.add(file_key(tmp_path / "a.zarr"))
    assert len(keys) == 2


def test_a_closed_array_that_is_removed_takes_no_disk(tmp_path, open_files):
    cache = ArrayCache(tmp_path, 10**6)
    image = cache.get("a", "a", (4, 4, 1), np.uint8, lambda array: array.fill(7))
    assert image.window(0, 0, 1, 1) == 7
    (path,) = tmp_path.glob("*.npy")
    assert open_files() == [str(path)]
    image.close()
    assert open_files() == []
    # It is opened again when it is wanted again.
    assert image.window(3, 3, 1, 1) == 7
