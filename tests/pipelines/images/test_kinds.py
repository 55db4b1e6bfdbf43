import pathlib

import pytest

from pipelines.images.kinds import Kind, kind_of, stem_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PNG", Kind.PNG),
        ("a.jpeg", Kind.JPEG),
        ("a.ome.tif", Kind.TIFF),
        ("a.SVS", Kind.TIFF),
        ("a.ome.zarr", Kind.ZARR),
        ("a.npy", Kind.NPY),
        ("a.czi", Kind.OTHER),
        ("a", Kind.OTHER),
    ],
)
def test_the_suffix_says_the_kind(name, kind):
    assert kind_of(pathlib.Path(name)) is kind


@pytest.mark.parametrize("file", ["zarr.json", ".zgroup", ".zarray"])
def test_a_folder_is_a_zarr_by_what_it_holds(tmp_path, file):
    folder = tmp_path / "0"
    folder.mkdir()
    assert kind_of(folder) is Kind.OTHER
    (folder / file).touch()
    assert kind_of(folder) is Kind.ZARR
    assert kind_of(tmp_path) is Kind.OTHER


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("in/TCGA.01.svs", "TCGA.01"),
        ("in/plate.ome.zarr/A/1/0", "plate_A_1_0"),
        ("in/cell.zarr/raw", "cell_raw"),
        ("in/cell.ome.zarr", "cell.ome"),
        ("in/all.zarr/cell.ome.zarr", "cell.ome"),
        ("in/all.zarr/cell.png", "cell"),
        ("in/A/1/0", "0"),
    ],
)
def test_what_lies_within_a_zarr_is_named_from_there(name, stem):
    assert stem_of(pathlib.Path(name)) == stem


def test_a_zarr_may_be_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "plate.zarr" / "A").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "plate.zarr" / "A")
    assert stem_of(pathlib.Path("1/0")) == "plate_A_1_0"
