import os
import pathlib

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from pipelines.images import finding, open_image

GREY = np.zeros((2, 3), "uint8")


@pytest.fixture
def folder(tmp_path):
    """Images 1, 2 and 10, and what folders of images have besides."""
    for name in ("10.png", "1.png", "2.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(imagecodecs.png_encode(GREY))
    (tmp_path / "deeper.png").mkdir()
    return tmp_path


def names(pattern):
    return [entry.path.name for entry in finding.find_images(str(pattern))]


def test_a_folder_names_its_image_files_by_name_and_nothing_else(folder):
    assert names(folder) == ["1.png", "10.png", "2.JPG"]


def test_a_glob_names_the_files_that_match(folder):
    assert names(folder / "1*.png") == ["1.png", "10.png"]


def test_a_file_is_one_image(folder):
    (entry,) = finding.find_images(str(folder / "10.png"))
    assert (entry.path, entry.page) == (folder / "10.png", None)
    assert entry.stem == entry.key == "10"
    assert entry.name == str(folder / "10.png")


def test_two_stars_are_folders_of_any_depth(tmp_path):
    for name in ("a.png", "b/c.png", "b/d/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [
        entry.path for entry in finding.find_images(str(tmp_path / "**" / "*.png"))
    ]
    assert [path.name for path in found] == ["a.png", "c.png", "e.png"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder):
    (folder / "cell[1].png").write_bytes(imagecodecs.png_encode(GREY))
    assert names(folder / "cell[1].png") == ["cell[1].png"]


def test_every_page_of_a_stack_is_an_image(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 4, 6), "uint8"))
    entries = finding.find_images(str(tmp_path))
    assert [entry.page for entry in entries] == [0, 1, 2, 3, 4]
    assert entries[2].key == "stack:2"
    assert entries[2].name == f"{tmp_path / 'stack.tif'} page 2"


def test_a_tiff_of_one_page_is_named_without_a_page(tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", GREY)
    (entry,) = finding.find_images(str(tmp_path / "one.tif"))
    assert entry.page is None and entry.key == "one"


@pytest.mark.parametrize("pattern", ["missing", "missing/*.png", "empty", "2.jpg"])
def test_a_pattern_without_images_is_named_with_what_is_expected(folder, pattern):
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no images found.*folder or a glob") as error:
        finding.find_images(str(folder / pattern))
    assert str(error.value).startswith(f"{folder / pattern}:")


@pytest.mark.parametrize("pattern", ["notes.txt", "*"])
def test_a_file_of_another_kind_that_is_named_outright_is_refused(folder, pattern):
    with pytest.raises(ValueError, match=r"notes\.txt.*expected one of \.png") as error:
        finding.find_images(str(folder / pattern))
    assert str(folder) in str(error.value)


def test_a_folder_with_a_damaged_tiff_is_refused_with_its_name(folder):
    (folder / "bad.tif").write_bytes(b"II*\0")
    with pytest.raises(ValueError, match=r"bad\.tif: cannot be read as TIFF"):
        finding.find_images(str(folder))


def test_files_that_cannot_be_counted_may_be_taken_for_one_image(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no TIFF")
    with pytest.raises(ValueError):
        finding.find_images(str(tmp_path))
    (entry,) = finding.find_images(str(tmp_path), damaged=True)
    assert (entry.path.name, entry.page) == ("a.tif", None)


def test_stores_and_stacks_of_arrays_are_images_of_a_folder(folder):
    zarr.create_array(folder / "a.zarr", data=GREY)
    zarr.create_array(folder / "b.ome.zarr", data=np.zeros((2, 3, 20), "uint8"))
    np.save(folder / "c.npy", np.zeros((3, 4, 20)))
    (folder / "file.zarr").write_bytes(b"no folder")
    entries = finding.find_images(str(folder))[3:]
    assert [entry.key for entry in entries] == [
        *("a", "b:0", "b:1"),
        *("c:0", "c:1", "c:2"),
    ]


@pytest.mark.parametrize("pattern", ["a.zarr", "*.zarr"])
def test_a_store_is_named_as_a_file_is(folder, pattern):
    zarr.create_array(folder / "a.zarr", data=GREY)
    assert names(folder / pattern) == ["a.zarr"]


@pytest.mark.parametrize("name", ["cell.ome.tif", "cell.ome.zarr", "cell.tif"])
def test_the_stem_leaves_out_both_suffixes_of_ome(tmp_path, name):
    assert finding.ImageEntry(tmp_path / name).stem == "cell"


def test_a_name_that_is_no_utf_8_can_be_written_everywhere():
    entry = finding.ImageEntry(pathlib.Path(os.fsdecode(b"Pr\xe4parat.tif")))
    for text in (entry.name, entry.stem, entry.key):
        assert text.encode().startswith(b"Pr\\xe4parat")


def make_plate(path, version):
    """Two wells of two fields each, with labels."""
    plate = zarr.open_group(path, mode="w", zarr_format=version)
    plate.attrs.update({"plate": {"wells": []}, "bioformats2raw.layout": 3})
    for well in ("A/1", "B/2"):
        plate.require_group(well).attrs["well"] = {"images": []}
        for field in ("0", "1"):
            image = plate.require_group(f"{well}/{field}")
            image.create_array("0", data=GREY)
            image.create_array("labels/cells/0", data=GREY)
            about = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]
            image.attrs["multiscales"] = about
            image["labels/cells"].attrs["multiscales"] = about


@pytest.mark.parametrize("version", [2, 3])
def test_the_fields_of_a_plate_are_images_with_names_of_their_own(tmp_path, version):
    make_plate(tmp_path / "plate.ome.zarr", version)
    found = finding.find_images(str(tmp_path / "plate.ome.zarr" / "*" / "*" / "*"))
    assert [entry.key for entry in found] == [
        *("plate_A_1_0", "plate_A_1_1", "plate_B_2_0", "plate_B_2_1")
    ]
    (one,) = finding.find_images(str(tmp_path / "plate.ome.zarr" / "B" / "2" / "1"))
    assert one == found[-1]
    np.testing.assert_array_equal(open_image(one).whole()[..., 0], GREY)
    labels = tmp_path / "plate.ome.zarr" / "*" / "*" / "*" / "labels" / "cells"
    assert finding.find_images(str(labels))[0].key == "plate_A_1_0_labels_cells"


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("named", "what", "inner"),
    [
        ("", "a plate", "*/*/*"),
        ("A/1", "a well of a plate", "*"),
        ("A", "a group", "1"),
        ("A/1/0/labels", "a group", "cells"),
    ],
)
def test_groups_of_images_say_how_those_are_named(
    tmp_path, version, named, what, inner
):
    make_plate(tmp_path / "plate.ome.zarr", version)
    path = tmp_path / "plate.ome.zarr" / named
    with pytest.raises(ValueError) as error:
        finding.find_images(str(path))
    assert str(error.value) == (
        f"{path}: it is {what}, not an image. Name what it holds instead, as "
        f"{path / inner} (in quotes, if it is a glob)."
    )
    # Of a row its wells, which say so themselves.
    assert named == "A" or finding.find_images(str(path / inner))


def test_an_array_of_a_group_is_an_image(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", name="raw", data=GREY)
    (entry,) = finding.find_images(str(tmp_path / "a.zarr" / "raw"))
    assert entry.key == "a_raw"
    np.testing.assert_array_equal(open_image(entry).whole()[..., 0], GREY)


def test_a_store_may_have_any_name_but_its_own_images_come_first(tmp_path):
    zarr.open_group(tmp_path / "store", mode="w").create_array("a.zarr", data=GREY)
    assert names(tmp_path / "store") == ["a.zarr"]
    zarr.create_array(tmp_path / "array", data=GREY)
    assert names(tmp_path / "array") == ["array"]


@pytest.mark.parametrize("pattern", ["**/**/*.tif", "**/*.tif", "**/**"])
def test_a_file_that_matches_in_several_ways_is_one_image(tmp_path, pattern):
    (tmp_path / "a" / "b").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "a" / "b" / "c.tif", GREY)
    assert names(tmp_path / pattern) == ["c.tif"]


def test_what_a_store_is_made_of_is_no_image_besides(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=GREY)
    assert names(tmp_path / "**") == ["a.zarr"]


@pytest.mark.parametrize("pattern", ["", "*.tif", "gone.tif"])
def test_a_link_to_what_is_missing_is_found_and_named_when_opened(tmp_path, pattern):
    (tmp_path / "gone.tif").symlink_to("annex/objects/1")
    (entry,) = finding.find_images(str(tmp_path / pattern), damaged=True)
    message = r"gone\.tif: it is a link to annex/objects/1, which does not exist\. Rest"
    with pytest.raises(ValueError, match=message):
        open_image(entry)
    with pytest.raises(ValueError, match=message):
        finding.find_images(str(tmp_path / pattern))


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("plate[1]/*.png", "plate[[]1]/*.png"),
        ("*[1]/[ab].png", "*[[]1]/[ab].png"),
        ("plate[1]/a[0].png", "plate[[]1]/a[0].png"),
    ],
)
def test_brackets_of_a_name_are_told_from_those_of_a_glob(tmp_path, pattern, hint):
    (tmp_path / "plate[1]").mkdir()
    (tmp_path / "plate[1]" / "a.png").write_bytes(imagecodecs.png_encode(GREY))
    with pytest.raises(ValueError, match="no images found") as error:
        finding.find_images(str(tmp_path / pattern))
    assert str(error.value).endswith(f"write [[], as {tmp_path / hint}.")
    if hint.endswith("/*.png"):
        assert names(tmp_path / hint) == ["a.png"]


def test_brackets_of_a_glob_alone_are_no_hint(folder):
    with pytest.raises(ValueError, match=r"files\.$"):
        finding.find_images(str(folder / "[x].png"))


def test_a_folder_without_images_says_what_it_holds_instead(tmp_path):
    (tmp_path / "P2" / "images").mkdir(parents=True)
    (tmp_path / "P1").mkdir()
    with pytest.raises(ValueError, match="Its folders, such as P1, are not") as error:
        finding.find_images(str(tmp_path))
    assert str(error.value).endswith(f"as '{tmp_path}/*/*.png'.")
    slides = tmp_path / "P1"
    for name in ("a.jp2", "b.jp2", "c.txt", ".hidden.xml"):
        (slides / name).touch()
    with pytest.raises(ValueError, match=r"files\. It holds \.jp2, \.txt files\.$"):
        finding.find_images(str(slides))
