import os
import subprocess
import sys

import pytest

from pipelines.images.appearing import appearing


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


def test_what_a_killed_process_left_is_removed(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / f".mask[1].tif.{process.pid}.part").touch()
    running = f".mask[1].tif.{os.getppid()}.part"
    (tmp_path / running).touch()
    (tmp_path / f".other.tif.{process.pid}.part").touch()
    with appearing(tmp_path / "mask[1].tif") as partial:
        partial.touch()
    found = names(tmp_path)
    assert found == [running, f".other.tif.{process.pid}.part", "mask[1].tif"]
