import contextlib
import errno
import os
import shutil
import stat
import subprocess
import sys
import time

import pytest

from pipelines.files import appearing as appearing_files
from pipelines.files.appearing import appearing, settle


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "mask.tif"
    with appearing(path) as partial:
        partial.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(tmp_path / "new") == ["mask.tif"]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "mask.tif"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError), appearing(path) as partial:
        partial.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["mask.tif"]


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "mask.zarr"
    for number in range(2):
        with appearing(path) as partial:
            partial.mkdir()
            (partial / str(number)).touch()
    assert names(path) == ["1"]
    assert names(tmp_path) == ["mask.zarr"]


def test_a_folder_is_removed_only_after_another_has_its_name(tmp_path, monkeypatch):
    path = tmp_path / "mask.zarr"
    (path / "before").mkdir(parents=True)
    seen, remove = [], appearing_files.remove

    def watched(removed):
        if removed.exists():
            seen.append((removed.name, names(path), names(removed)))
        remove(removed)

    monkeypatch.setattr(appearing_files, "remove", watched)
    with appearing(path) as partial:
        (partial / "after").mkdir(parents=True)
    ((hidden, at_path, at_hidden),) = seen
    assert hidden.startswith(".mask.zarr.") and hidden.endswith("-replaced.part")
    assert (at_path, at_hidden) == (["after"], ["before"])
    assert names(tmp_path) == ["mask.zarr"]


def test_a_folder_that_cannot_be_replaced_is_put_back(tmp_path, monkeypatch):
    path = tmp_path / "mask.zarr"
    (path / "before").mkdir(parents=True)
    replace = os.replace

    def refused(source, target):
        if target == path and not str(source).endswith("-replaced.part"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OSError), appearing(path) as partial:
        partial.mkdir()
    assert names(path) == ["before"]
    assert names(tmp_path) == ["mask.zarr"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_file_system_that_flushes_no_folders_is_no_failure(
    tmp_path, monkeypatch, code
):
    flush, flushed = os.fsync, []

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        flushed.append(descriptor)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    goes_on = code == errno.EINVAL
    expected = contextlib.nullcontext() if goes_on else pytest.raises(OSError)
    with expected, appearing(tmp_path / "mask.zarr") as partial:
        (partial / "0").mkdir(parents=True)
        (partial / "0" / "chunk").touch()
    assert len(flushed) == goes_on
    assert names(tmp_path) == ["mask.zarr"] * goes_on


@pytest.mark.parametrize("name", ["m" * 250 + ".tif", "\u00b5" * 120 + ".tif"])
def test_names_may_be_as_long_as_the_system_has_them(tmp_path, name):
    (tmp_path / half_of(appearing_files.short_name(name), os.getpid())).touch()
    with appearing(tmp_path / name) as partial:
        partial.touch()
    assert names(tmp_path) == [name]


def half_of(name, number, machine=appearing_files._MACHINE, token="another"):
    return f".{name}.{machine}-{number}-{token}.part"


def test_what_a_killed_process_left_is_removed(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    gone = [
        half_of("mask[1].tif", process.pid),
        # Of a container that was started again: its processes have the same numbers.
        half_of("mask[1].tif", os.getpid()),
        # What it was about to remove.
        half_of("mask[1].tif", process.pid, token="another-replaced"),
    ]
    kept = [
        half_of("mask[1].tif", os.getppid()),
        half_of("mask[1].tif", process.pid, machine="elsewhere"),
        half_of("mask[1].tif", os.getpid(), token=f"{appearing_files._TOKEN}-replaced"),
        half_of("other.tif", process.pid),
    ]
    for name in gone + kept:
        (tmp_path / name).touch()
    # What another machine has not written to for weeks.
    gone.append(half_of("mask[1].tif", process.pid, machine="elsewhere", token="old"))
    (tmp_path / gone[-1]).touch()
    long_ago = time.time() - 2 * appearing_files.LONGEST_SILENCE_SECONDS
    os.utime(tmp_path / gone[-1], (long_ago, long_ago))
    with appearing(tmp_path / "mask[1].tif") as partial:
        partial.touch()
    assert names(tmp_path) == sorted([*kept, "mask[1].tif"])


@pytest.fixture
def two_folders(tmp_path):
    """Makes the two that a process has when it is killed between its two renames."""

    def make(number, **about):
        token = about.pop("token", "another")
        folders = [
            tmp_path / half_of("mask.zarr", number, token=f"{token}{end}", **about)
            for end in ("", "-replaced")
        ]
        for folder, content in zip(folders, ("after", "before"), strict=True):
            (folder / content).mkdir(parents=True)
        # What is replaced is old.
        os.utime(folders[1], (0, 0))
        return [folder.name for folder in folders]

    return make


def test_a_folder_that_was_to_take_the_place_of_another_does(tmp_path, two_folders):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    # What this process has seen of the folder is of no account.
    settle([tmp_path / "mask.zarr"])
    two_folders(process.pid)
    settle([tmp_path / "mask.zarr"])
    assert names(tmp_path) == ["mask.zarr"]
    assert names(tmp_path / "mask.zarr") == ["after"]


def test_what_another_process_settles_at_the_same_time_is_settled(
    tmp_path, two_folders, monkeypatch
):
    two_folders(os.getpid())
    rename = os.rename

    def late(source, target):
        rename(source, target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    settle([tmp_path / "mask.zarr"])
    assert names(tmp_path) == ["mask.zarr"]
    assert names(tmp_path / "mask.zarr") == ["after"]


def test_a_folder_that_has_been_replaced_is_never_put_back(tmp_path, two_folders):
    # Its removal may have begun.
    two_folders(os.getpid())
    shutil.rmtree(tmp_path / half_of("mask.zarr", os.getpid()))
    settle([tmp_path / "mask.zarr"])
    assert names(tmp_path) == []


def test_a_folder_that_is_there_stays(tmp_path, two_folders):
    two_folders(os.getpid())
    (tmp_path / "mask.zarr" / "now").mkdir(parents=True)
    settle([tmp_path / "mask.zarr"])
    assert names(tmp_path) == ["mask.zarr"]
    assert names(tmp_path / "mask.zarr") == ["now"]


def test_a_process_that_may_be_between_its_renames_is_left_alone(tmp_path, two_folders):
    kept = two_folders(os.getppid()) + two_folders(7, machine="elsewhere")
    settle([tmp_path / "mask.zarr"])
    assert names(tmp_path) == sorted(kept)


def test_what_another_machine_has_finished_meanwhile_is_no_hindrance(tmp_path):
    half = tmp_path / half_of("b.tif", 7, machine="elsewhere")
    half.touch()
    with appearing(tmp_path / "a.tif") as partial:
        partial.touch()
    half.rename(tmp_path / "b.tif")
    with appearing(tmp_path / "b.tif") as partial:
        partial.touch()
    assert names(tmp_path) == ["a.tif", "b.tif"]


def test_two_containers_do_not_touch_each_others_halves(tmp_path, monkeypatch):
    path = tmp_path / "mask.tif"
    with appearing(path) as first:
        first.write_bytes(b"first")
        monkeypatch.setattr(appearing_files, "_MACHINE", "elsewhere")
        monkeypatch.setattr(appearing_files, "_TOKEN", "another")
        monkeypatch.setattr(appearing_files, "_halves", {})
        with appearing(path) as second:
            second.write_bytes(b"second")
        assert first.read_bytes() == b"first"
    assert path.read_bytes() == b"first"
