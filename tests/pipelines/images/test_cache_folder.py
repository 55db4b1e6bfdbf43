import errno
import fcntl
import os
import resource
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from pipelines.images import cache_folder

SHAPE, DTYPE = (10, 10, 1), np.dtype("uint8")


def write(path, limit=10**6, value=1):
    def fill(array):
        array[...] = value

    cache_folder.write_array(path, SHAPE, DTYPE, fill, limit)


def test_numpy_reads_what_is_written_in_memory_and_by_map(tmp_path, monkeypatch):
    for name, most in (("memory.npy", 10**6), ("map.npy", 10)):
        monkeypatch.setattr(cache_folder, "MOST_IN_MEMORY", most)
        write(tmp_path / name, value=3)
        np.testing.assert_array_equal(np.load(tmp_path / name), np.full(SHAPE, 3))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_with_the_setting(tmp_path, monkeypatch, number):
    def full(*_):
        raise OSError(number, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ValueError, match="the disk is full.*cache_gigabytes") as error:
        write(tmp_path / "a.npy")
    assert str(error.value).startswith(f"{tmp_path}: ")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_our_own_arrays_make_room_on_a_full_disk(tmp_path, monkeypatch):
    write(tmp_path / "old.npy")
    reserve = os.posix_fallocate

    def full_with_old(descriptor, offset, size):
        if (tmp_path / "old.npy").exists():
            raise OSError(errno.ENOSPC, "full")
        reserve(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", full_with_old)
    write(tmp_path / "new.npy", value=2)
    assert not (tmp_path / "old.npy").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "new.npy"), np.full(SHAPE, 2))


def test_a_folder_is_looked_through_once_until_it_is_full(tmp_path, monkeypatch):
    looks = []
    scandir = os.scandir
    monkeypatch.setattr(
        cache_folder.os, "scandir", lambda folder: looks.append(1) or scandir(folder)
    )
    size = len(cache_folder.npy_header(SHAPE, DTYPE)) + 100
    for number in range(10):
        write(tmp_path / f"{number}.npy", limit=10 * size)
    assert len(looks) == 1
    write(tmp_path / "10.npy", limit=10 * size)
    assert len(looks) == 2
    assert len(list(tmp_path.glob("*.npy"))) == 10


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match="file: decoded images cannot be kept there"):
        write(tmp_path / "file" / "a.npy")


def test_what_a_killed_process_left_is_removed_and_what_others_write_is_not(tmp_path):
    left, written = tmp_path / ".a.1.part", tmp_path / ".b.2.part"
    left.write_bytes(bytes(100))
    written.write_bytes(bytes(100))
    with open(written, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path / "c.npy")
    assert not left.exists() and written.exists()


def test_where_no_lock_tells_what_others_write_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_folder, "try_lock", lambda file: None)
    (tmp_path / ".a.1.part").write_bytes(bytes(100))
    write(tmp_path / "c.npy")
    assert (tmp_path / ".a.1.part").exists()


def test_what_is_being_written_counts_towards_the_bound(tmp_path):
    written = tmp_path / ".b.2.part"
    written.write_bytes(bytes(228))
    with open(written, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path / "old.npy")
        write(tmp_path / "new.npy", limit=3 * 228 - 1)
    assert not (tmp_path / "old.npy").exists() and (tmp_path / "new.npy").exists()


LARGE = textwrap.dedent("""
    import pathlib, resource, sys
    import numpy as np
    from pipelines.images import cache_folder

    def fill(array):
        for top in range(0, 3000, 100):
            array[top : top + 100] = 1
            cache_folder.release_pages(array)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cache_folder.write_array(
        pathlib.Path(sys.argv[1]), (3000, 50_000, 2), np.dtype("u1"), fill, 10**10
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""")


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="measures memory")
def test_it_counts_before_the_disk_has_room_for_it(tmp_path, monkeypatch):
    sizes = []

    def reserve(*_):
        sizes.extend(path.stat().st_size for path in tmp_path.glob("*.part"))

    monkeypatch.setattr(os, "posix_fallocate", reserve)
    write(tmp_path / "a.npy")
    # A header of 128 bytes.
    assert sizes == [228]


def test_a_large_array_is_written_without_taking_memory(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path / "a.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    # 300 MB are written.
    assert int(run.stdout) < 60_000
