import pytest

from pipelines.dev_server.model_config import ModelConfig, of_folder, read_config_file

FILE = """
model_config_list {
  config {
    name: "cells"
    base_path: "/models/cells"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 5 } }
    version_labels { key: "stable" value: 3 }
    version_labels { key: "canary" value: 5 }
  }
  config { name: "roads" base_path: "/models/roads" model_platform: "tensorflow"
           model_version_policy { all {} } }
  config { name: "trees" base_path: "/trees" model_platform: "tensorflow"
           model_version_policy { latest { num_versions: 2 } } }
  config { name: "plain" base_path: "/plain" model_type: TENSORFLOW }
}
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "models.config"


def test_file_tells_names_folders_policies_and_labels(file, tmp_path):
    file.write_text(FILE)
    cells, roads, trees, plain = read_config_file(file)
    assert (cells.name, str(cells.base_path)) == ("cells", "/models/cells")
    assert cells.labels == {"stable": 3, "canary": 5}
    assert cells.wanted({1, 3, 5, 7}) == {3, 5}
    assert roads.wanted({1, 2, 9}) == {1, 2, 9}
    assert trees.wanted({1, 2, 9}) == {2, 9}
    assert plain.wanted({1, 2, 9}) == {9}
    assert plain.wanted(set()) == set()


def test_folder_is_served_under_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path.joinpath("toy").relative_to(tmp_path)
    assert of_folder(folder) == ModelConfig("toy", tmp_path / "toy")
    # A link has a name of its own, which may outlive what it points to.
    (tmp_path / "current").symlink_to("toy")
    found = of_folder(folder.with_name("current"))
    assert found == ModelConfig("current", tmp_path / "current")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "names a model"),
        ("model_config_list { config { base_path: '/a' } }", "absolute path"),
        ("model_config_list { config { name: 'a' base_path: 'a' } }", "absolute path"),
        ("nope: 1", "nope"),
        (
            "model_config_list { config { name: 'a' base_path: '/a' "
            "model_platform: 'tensorflow' } config { name: 'a' base_path: '/b' "
            "model_platform: 'tensorflow' } }",
            "twice",
        ),
        (
            "model_config_list { config { name: 'a' base_path: '/a' } }",
            "add model_platform",
        ),
    ],
)
def test_file_that_serves_nothing_is_refused(file, text, reason):
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"models\.config.*{reason}"):
        read_config_file(file)
