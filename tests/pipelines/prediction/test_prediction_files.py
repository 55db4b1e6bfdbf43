import dataclasses
import pathlib

import numpy as np
import pytest

from pipelines.images import ImageEntry
from pipelines.prediction.prediction_files import (
    OutputFile,
    plan_files,
)
from pipelines.results.layout import ImageLayout


def entries(*names):
    return [ImageEntry(pathlib.Path(name)) for name in names]


def named(out, *names, image_format="auto", png_fits=True):
    files = plan_files(entries(*names), str(out), image_format, png_fits)
    return [file.path.name for file in files]


NAMES = ("a.png", "b.jpg", "c.tif", "d.ome.tiff", "e.npy", "f.ome.zarr", "g.zarr")


def test_the_kind_of_file_is_that_of_the_input_where_it_can(tmp_path):
    expected = ["a.png", "b.png", "c.tif", "d.ome.tif"]
    expected += ["e.png", "f.ome.zarr", "g.ome.zarr"]
    assert named(tmp_path, *NAMES) == expected


def test_what_a_png_cannot_hold_is_a_tiff(tmp_path):
    assert named(tmp_path, "a.png", "b.jpg", png_fits=False) == ["a.tif", "b.tif"]


@pytest.mark.parametrize(
    ("image_format", "suffix"), [("tiff", ".tif"), ("zarr", ".ome.zarr")]
)
def test_one_format_for_all(tmp_path, image_format, suffix):
    found = named(tmp_path, "a.png", "b.tif", image_format=image_format)
    assert found == [f"a{suffix}", f"b{suffix}"]


def test_pages_share_a_file(tmp_path):
    stack = [ImageEntry(pathlib.Path("a.npy"), page) for page in range(3)]
    (file,) = plan_files(stack, str(tmp_path), "auto", True)
    assert file.path == tmp_path / "a.tif"
    assert file.entries == tuple(stack)
    assert file.input == pathlib.Path("a.npy")


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.zarr"])
def test_a_file_may_be_named(tmp_path, name):
    (file,) = plan_files(entries("a.jpg"), str(tmp_path / name), "auto", True)
    assert file.path == tmp_path / name
    assert file.chosen


def test_a_name_and_a_format_that_differ_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"x\.png: its name says .* format tiff"):
        plan_files(entries("a.jpg"), str(tmp_path / "x.png"), "tiff", True)


def test_a_png_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.tif: format png holds one image of one"):
        plan_files(entries("a.tif"), str(tmp_path), "png", False)


def test_a_png_that_was_named_holds_what_a_png_can(tmp_path):
    with pytest.raises(ValueError, match=r"x\.png: a PNG holds one channel.* pyramid"):
        plan_files(entries("a.jpg"), str(tmp_path / "x.png"), "auto", False)


def test_too_large_for_a_png_is_a_tiff_unless_chosen():
    small = ImageLayout(8000, 8000, 1, np.dtype(np.uint8))
    large = dataclasses.replace(small, width=8001)
    file = OutputFile(pathlib.Path("a.png"), tuple(entries("a.jpg")), chosen=False)
    assert file.fitting(small, taken=[pathlib.Path("a.tif")]) is file
    assert file.fitting(large, taken=[]).path == pathlib.Path("a.tif")
    with pytest.raises(ValueError, match=r"a\.png: .* up to 64 megapixels.*\.tif"):
        dataclasses.replace(file, chosen=True).fitting(large, taken=[])


def test_the_fields_of_a_plate_are_zarrs_of_names_of_their_own(tmp_path):
    fields = [f"plate.ome.zarr/{well}/0" for well in ("A/1", "B/1")]
    for field in fields:
        (tmp_path / field).mkdir(parents=True)
        (tmp_path / field / "zarr.json").touch()
    names = [str(tmp_path / field) for field in fields]
    expected = ["plate_A_1_0.ome.zarr", "plate_B_1_0.ome.zarr"]
    assert named(tmp_path / "out", *names) == expected
