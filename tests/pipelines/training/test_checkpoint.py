import errno
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from pipelines.training import checkpoint
from pipelines.training.checkpoint import Checkpoint

ARRAYS = {
    "weights": [np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(2.5)],
    "optimizer": [np.array(7, np.int64)] * 12,
}


def made(step, **progress):
    return Checkpoint(step, progress, ARRAYS)


def assert_same(found, expected):
    assert (found.step, found.progress) == (expected.step, expected.progress)
    assert set(found.arrays) == set(expected.arrays)
    for group, arrays in expected.arrays.items():
        for array, other in zip(found.arrays[group], arrays, strict=True):
            np.testing.assert_array_equal(array, other)
            assert array.dtype == np.asarray(other).dtype


def test_what_is_read_is_what_was_written(tmp_path):
    written = made(12, losses=[0.1, 1e-300], best=None, words="é")
    checkpoint.write(tmp_path, written)
    assert_same(checkpoint.read_latest(tmp_path), written)


def test_an_empty_folder_has_none(tmp_path):
    assert checkpoint.read_latest(tmp_path) is None


def test_only_the_newest_is_kept(tmp_path):
    for step in (9, 10, 100):
        checkpoint.write(tmp_path, made(step))
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000100.npz"]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_one_is_never_read(tmp_path, damage, caplog):
    checkpoint.write(tmp_path, made(5))
    good = tmp_path / "step_000000005.npz"
    data = bytearray(good.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flip":
        # In the numbers of the first array, behind its headers.
        place = bytes(data).index(ARRAYS["weights"][0].tobytes())
        data[place + 5] ^= 1
    else:
        data = b""
    (tmp_path / "step_000000006.npz").write_bytes(data)
    assert checkpoint.read_latest(tmp_path).step == 5
    assert "step_000000006.npz is damaged" in caplog.text


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_one_that_cannot_be_written_leaves_the_one_before(
    tmp_path, monkeypatch, moment
):
    checkpoint.write(tmp_path, made(5))

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(ValueError, match="No space left.*step 5 is kept; .*--resume"):
        checkpoint.write(tmp_path, made(6))
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000005.npz"]


# Writes a checkpoint that is larger than the system lets the process write.
FULL = """
import resource, signal, sys, pathlib
import numpy as np
from pipelines.training import checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
large = {"weights": [np.zeros(1_000_000)]}
try:
    checkpoint.write(pathlib.Path(sys.argv[1]), checkpoint.Checkpoint(6, {}, large))
except ValueError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(
    not hasattr(signal, "SIGXFSZ") or not hasattr(resource, "RLIMIT_FSIZE"),
    reason="the system cannot limit the size of files",
)
def test_a_disk_that_takes_no_more_keeps_the_last_good_one(tmp_path):
    checkpoint.write(tmp_path, made(5))
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "cannot be written (File too large)" in done.stderr
    assert "That of step 5 is kept" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000005.npz"]
    assert checkpoint.read_latest(tmp_path).step == 5


def test_all_are_removed_with_their_halves(tmp_path):
    checkpoint.write(tmp_path, made(5))
    (tmp_path / ".step_000000006.npz.17.part").write_bytes(b"half")
    (tmp_path / "run.json").write_text("{}")
    checkpoint.remove_all(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
