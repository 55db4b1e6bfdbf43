import errno
import hashlib
import logging
import os
import pathlib
import random
import stat
import subprocess
import sys
import time

import pytest

from pipelines.exporting import publishing
from pipelines.exporting.publishing import check_target, publish

ROOT = pathlib.Path(__file__).parents[3]
HIGHEST = publishing.HIGHEST
# Several files, so that a version can be half there.
NUM_FILES = 20


def write(path):
    """Writes a version as a real export does: a file after the other."""
    for number in range(NUM_FILES):
        file = path / f"variables/{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]) * 20_000)
    (path / "saved_model.pb").write_bytes(b"graph")


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != HIGHEST)


def is_whole(version):
    digests = {
        hashlib.sha256(path.read_bytes()).digest()
        for path in version.glob("variables/*")
    }
    return len(digests) == NUM_FILES and (version / "saved_model.pb").is_file()


def test_each_version_is_the_next_one(tmp_path):
    target = tmp_path / "deep" / "cells"
    assert [publish(target, write, None)[0] for _ in range(3)] == [1, 2, 3]
    assert names(target) == ["1", "2", "3"]
    assert all(is_whole(target / name) for name in names(target))


@pytest.mark.parametrize(
    ("existing", "version"),
    # Whatever a server would take for a version counts, also with leading zeros.
    [("7", 8), ("00000010", 11), ("notes.txt", 1), (".part-old", 1), ("99" * 20, 1)],
)
def test_a_stray_name_is_never_overwritten(tmp_path, existing, version):
    (tmp_path / existing).write_text("kept")
    assert publish(tmp_path, write, None)[0] == version
    assert (tmp_path / existing).read_text() == "kept"


def test_a_number_is_not_used_again_after_its_version_was_removed(tmp_path):
    assert [publish(tmp_path, write, None)[0] for _ in range(2)] == [1, 2]
    os.rename(tmp_path / "2", tmp_path / "broken")
    assert publish(tmp_path, write, None)[0] == 3
    for name in ("1", "3"):
        os.rename(tmp_path / name, tmp_path / f"old-{name}")
    assert publish(tmp_path, write, None)[0] == 4


@pytest.mark.parametrize("text", ["", "nonsense\n", "0000000000000000003\n"])
def test_the_file_of_the_highest_number_may_be_damaged(tmp_path, text):
    (tmp_path / HIGHEST).write_text(text)
    (tmp_path / "5").mkdir()
    assert publish(tmp_path, write, None)[0] == 6
    assert int((tmp_path / HIGHEST).read_text()) == 6


def test_after_the_last_number_there_is_none(tmp_path):
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(ValueError, match="Export to another folder"):
        publish(tmp_path, write, None)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_export_leaves_nothing_behind(tmp_path, error):
    def fail(path):
        (path / "saved_model.pb").write_bytes(b"half")
        assert names(path.parent) == [path.name]
        assert not path.name.isdecimal()
        raise error

    with pytest.raises(error):
        publish(tmp_path / "cells", fail, None)
    assert names(tmp_path) == []


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path):
    left = tmp_path / f".part-{'0' * 32}"
    # A copy that somebody makes under a hidden name is no export's.
    others = tmp_path / ".part-1"
    for folder in (left, others):
        folder.mkdir()
        (folder / "stale").write_text("stale")

    def publish_another(path):
        write(path)
        # The folder of an export at work is left in peace.
        return publish(tmp_path, write, None)

    assert publish(tmp_path, publish_another, None) == (2, (1, None))
    assert names(tmp_path) == [".part-1", "1", "2"]
    assert all(is_whole(tmp_path / name) for name in ("1", "2"))


def test_without_locks_what_others_left_is_only_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(publishing, "try_lock", lambda file: None)
    left = tmp_path / f".part-{'0' * 32}"
    left.mkdir()
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        assert publish(tmp_path, write, None)[0] == 1
    assert f"{left} is of an export that still runs, or that was killed" in caplog.text
    assert left.exists()


def test_without_locks_the_rename_decides(tmp_path, monkeypatch):
    rename = os.rename

    def other_was_faster(source, target):
        monkeypatch.setattr(os, "rename", rename)
        target.mkdir()
        (target / "saved_model.pb").write_bytes(b"of another")
        rename(source, target)

    monkeypatch.setattr(publishing, "wait_for_lock", lambda file: None)
    monkeypatch.setattr(os, "rename", other_was_faster)
    assert publish(tmp_path, write, None)[0] == 2
    assert (tmp_path / "1" / "saved_model.pb").read_bytes() == b"of another"


@pytest.mark.parametrize(("keep", "left"), [(1, ["4"]), (2, ["3", "4"]), (9, None)])
def test_only_the_newest_versions_are_kept(tmp_path, keep, left):
    for _ in range(3):
        publish(tmp_path, write, None)
    publish(tmp_path, write, keep)
    assert names(tmp_path) == (left or ["1", "2", "3", "4"])


def test_what_is_no_version_is_not_removed(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").write_text("a file")
    (tmp_path / "notes").mkdir()
    publish(tmp_path, write, None)
    publish(tmp_path, write, 1)
    assert names(tmp_path) == ["1", "2", "4", "notes"]


def test_a_version_is_hidden_before_it_is_deleted(tmp_path, monkeypatch, caplog):
    publish(tmp_path, write, None)
    monkeypatch.setattr(publishing.shutil, "rmtree", lambda path, **how: None)
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        publish(tmp_path, write, 1)
    [removed] = tmp_path.glob(".removed-*")
    assert names(tmp_path) == [removed.name, "2"]
    assert f"{removed} is no longer needed and could not be deleted" in caplog.text


def test_what_cannot_be_removed_fails_no_export(tmp_path, monkeypatch, caplog):
    rename = os.rename

    def refuse(source, target):
        if ".removed-" in str(target):
            raise PermissionError(errno.EACCES, "Permission denied")
        rename(source, target)

    publish(tmp_path, write, None)
    monkeypatch.setattr(os, "rename", refuse)
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        assert publish(tmp_path, write, 1)[0] == 2
    assert names(tmp_path) == ["1", "2"]
    assert f"{tmp_path / '1'} is older than the 1 versions to keep" in caplog.text
    assert "Permission denied" in caplog.text


def never(path):
    raise AssertionError("the model was asked for")


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cells: cannot be written to"):
        publish(tmp_path / "file" / "cells", never, None)
    # As another user's, which a group without the right to write shares.
    (tmp_path / HIGHEST).mkdir()
    with pytest.raises(ValueError, match=f"{HIGHEST}: cannot be written to"):
        publish(tmp_path, never, None)


def test_the_umask_tells_who_may_export_to_the_folder_too(tmp_path):
    before = os.umask(0o002)
    try:
        publish(tmp_path, write, None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / HIGHEST).stat().st_mode) == 0o664


@pytest.mark.parametrize(
    ("number", "is_lost"), [(errno.EIO, True), (errno.ENOSPC, True), (errno.EBADF, 0)]
)
def test_files_that_did_not_reach_the_disk_are_not_published(
    tmp_path, monkeypatch, number, is_lost
):
    def write_one(path):
        (path / "saved_model.pb").write_bytes(b"graph")

    fsync = os.fsync

    def fail_once(file):
        monkeypatch.setattr(os, "fsync", fsync)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail_once)
    if is_lost:
        with pytest.raises(ValueError, match="the version cannot be written"):
            publish(tmp_path, write_one, None)
    else:
        publish(tmp_path, write_one, None)
    assert names(tmp_path) == ([] if is_lost else ["1"])


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("gs://bucket/cells", "is an address"),
        ("cells/4", "is a version, or named like one"),
        ("cells/4/../0012", "is a version, or named like one"),
        ("loaded", "is a version, or named like one"),
        ("loaded/saved_model.pb", "is a file"),
    ],
)
def test_what_is_no_folder_of_versions_is_refused(tmp_path, monkeypatch, to, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loaded").mkdir()
    (tmp_path / "loaded/saved_model.pb").touch()
    with pytest.raises(ValueError, match=words):
        check_target(to)


def test_a_folder_of_versions_is_taken(tmp_path, monkeypatch):
    (tmp_path / "cells" / "1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "cells")
    for to in (".", "../cells", "../new", str(tmp_path)):
        assert check_target(to) == pathlib.Path(to)


# In a process of its own that can be killed; it says each number that it comes to.
SCRIPT = f"""
import pathlib, sys
from pipelines.exporting.publishing import publish

def write(path):
    for number in range({NUM_FILES}):
        file = path / f"variables/{{number}}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]) * 20_000)
    (path / "saved_model.pb").write_bytes(b"graph")

print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    print(publish(pathlib.Path(sys.argv[1]), write, 3)[0], flush=True)
"""


def started(target, count):
    words = [sys.executable, "-c", SCRIPT, str(target), str(count)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "ready\n"
    return process


def numbers_of(process):
    with process.stdout:
        lines = process.stdout.read().splitlines()
    process.wait()
    return [int(line) for line in lines]


def test_exports_at_once_all_succeed_with_numbers_of_their_own(tmp_path):
    processes = [started(tmp_path, 8) for _ in range(3)]
    numbers = [number for process in processes for number in numbers_of(process)]
    assert sorted(numbers) == list(range(1, 25))
    assert names(tmp_path) == ["22", "23", "24"]


def look(target):
    """Reads what a server sees, but for what is removed under its eyes."""
    for path in target.iterdir():
        if path.name.isdecimal():
            try:
                whole = is_whole(path)
            except FileNotFoundError:
                whole = False
            assert whole or not path.exists(), path


@pytest.mark.parametrize(
    "kills", [2, pytest.param(30, marks=pytest.mark.slow)], ids=str
)
def test_an_export_killed_anywhere_leaves_whole_versions_only(tmp_path, kills):
    # The first: however slow the machine is, something is there to be broken.
    seen = [publish(tmp_path, write, None)[0]]
    for seed in range(kills):
        process = started(tmp_path, 10_000)
        end = time.monotonic() + random.Random(seed).uniform(0.01, 0.3)
        while time.monotonic() < end:
            look(tmp_path)
        process.kill()
        seen += numbers_of(process)
        versions = [path for path in tmp_path.iterdir() if path.name.isdecimal()]
        assert versions
        assert all(is_whole(path) for path in versions)
    assert len(set(seen)) == len(seen), "a number was given twice"
    assert publish(tmp_path, write, None)[0] > max(seen)
