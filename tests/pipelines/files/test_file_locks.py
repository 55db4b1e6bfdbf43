import errno
import fcntl
import os

import pytest

from pipelines.files.file_locks import try_lock, wait_for_lock


def test_one_holds_a_file_until_it_is_closed(tmp_path):
    path = tmp_path / "a"
    with path.open("wb") as first:
        assert try_lock(first)
        with path.open("wb") as second:
            assert not try_lock(second)
    with path.open("wb") as third:
        assert try_lock(third)


def test_a_folder_can_be_held(tmp_path):
    first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    wait_for_lock(first)
    assert not try_lock(second)
    os.close(first)
    assert try_lock(second)
    os.close(second)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EBADF, errno.ENOSYS])
def test_a_file_system_without_locks_stops_nothing(tmp_path, monkeypatch, code):
    def refused(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    with (tmp_path / "a").open("wb") as file:
        wait_for_lock(file)
        assert try_lock(file) is None
