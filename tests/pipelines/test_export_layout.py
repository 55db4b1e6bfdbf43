from pipelines.export_layout import published_versions


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
