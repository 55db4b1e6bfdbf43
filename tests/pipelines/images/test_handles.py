import os

import pytest

from pipelines.images import handles


def test_few_of_many_files_are_open_at_once(tmp_path, open_files):
    for number in range(3 * handles.MOST_OPEN):
        path = tmp_path / str(number)
        path.write_bytes(b"%d" % number)
        with handles.SourceFile(path).opened() as descriptor:
            assert os.pread(descriptor, 9, 0) == b"%d" % number
    assert 0 < len(open_files()) <= handles.MOST_OPEN


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_has_changed_is_not_read_on(tmp_path, replace):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    source = handles.SourceFile(path)
    if replace:
        path.unlink()
    path.write_bytes(b"changed, and longer")
    with pytest.raises(handles.ChangedFile), source.opened():
        pass
    with pytest.raises(handles.ChangedFile):
        source.check_unchanged()


def test_a_file_that_ends_too_early_is_said_to_break_off(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    with handles.SourceFile(tmp_path / "file").opened() as descriptor:
        assert handles.read_exactly(descriptor, 3, 2) == b"345"
        with pytest.raises(ValueError, match="breaks off at byte 5"):
            handles.read_exactly(descriptor, 4, 2)
