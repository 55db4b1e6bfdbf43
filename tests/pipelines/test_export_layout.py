import errno
import os
import pathlib

from pipelines.export_layout import (
    published_versions,
    unloadable_newest,
    without_version,
)


def test_versions_are_numbered_folders_with_a_saved_model(tmp_path):
    for name in ("1", "00000010", "7.tmp", ".tmp-8", "-3", "x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "4").mkdir()
    (tmp_path / "5").touch()
    assert published_versions(tmp_path) == {
        1: tmp_path / "1",
        10: tmp_path / "00000010",
    }


def test_missing_folder_has_no_versions(tmp_path):
    assert published_versions(tmp_path / "nope") == {}


def test_the_highest_number_without_a_model_is_told(tmp_path):
    assert unloadable_newest(tmp_path) is None
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "saved_model.pb").touch()
    (tmp_path / "1").mkdir()
    assert unloadable_newest(tmp_path) is None
    (tmp_path / "10").mkdir()
    assert unloadable_newest(tmp_path) == tmp_path / "10"


def test_what_is_no_model_is_told_with_what_to_name(tmp_path):
    version = tmp_path / "cells" / "1"
    version.mkdir(parents=True)
    assert f"{tmp_path / 'cells'} holds no version" in without_version(version.parent)
    assert "holds no version" in without_version(tmp_path / "nope")
    (version / "saved_model.pb").touch()
    assert f"name its folder {tmp_path / 'cells'}." in without_version(version)
    assert f"holds some; name {tmp_path / 'cells'}." in without_version(tmp_path)


def test_folders_that_cannot_be_read_are_no_models(tmp_path, monkeypatch):
    version = tmp_path / "cells" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    (tmp_path / "lost+found").mkdir()
    iterdir = pathlib.Path.iterdir

    # Root may read all.
    def refused(folder):
        if folder.name == "lost+found":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return iterdir(folder)

    monkeypatch.setattr(pathlib.Path, "iterdir", refused)
    assert f"holds some; name {tmp_path / 'cells'}." in without_version(tmp_path)
