import errno
import os
import pathlib

import numpy as np
import pytest
import tifffile

from pipelines.images import ImageEntry, find_images, read_image
from pipelines.results import writing


def entries(*names):
    return [ImageEntry(pathlib.Path(name)) for name in names]


# Files.


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 1), (6, 9, 3), (6, 9, 4)])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_what_is_written_is_read_back(tmp_path, random, dtype, shape, suffix):
    image = random.integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    path = tmp_path / f"image{suffix}"
    writing.write_image(path, image)
    read = read_image(ImageEntry(path))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image.reshape(6, 9, -1))


def test_booleans_are_zeros_and_ones_of_a_tiff(tmp_path, random):
    image = random.random((20, 30)) > 0.5
    writing.write_image(tmp_path / "a.tif", image[:, ::-1])
    found = tifffile.imread(tmp_path / "a.tif")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, image[:, ::-1])


def test_seven_channels_of_probabilities_are_one_tiff_image(tmp_path, random):
    image = random.integers(0, 2**16, (6, 9, 7), "uint16")
    path = tmp_path / "image.tif"
    writing.write_image(path, image)
    (entry,) = find_images(str(path))
    np.testing.assert_array_equal(read_image(entry), image)


@pytest.mark.parametrize(
    "image",
    [np.zeros((2, 3), "float32"), np.zeros((2, 3, 5), "uint8"), np.zeros(3, "uint8")],
)
def test_what_a_png_cannot_hold_is_refused_with_its_shape(tmp_path, image):
    with pytest.raises(ValueError, match="TIFF instead") as error:
        writing.write_image(tmp_path / "image.png", image)
    assert str(image.dtype) in str(error.value) and str(image.shape) in str(error.value)
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"image\.bmp.*\.png"):
        writing.write_image(tmp_path / "image.bmp", np.zeros((2, 3), "uint8"))


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "image.png"
    path.write_bytes(b"before")

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        writing.write_bytes_atomically(path, b"after")
    assert [file.name for file in tmp_path.iterdir()] == ["image.png"]
    assert path.read_bytes() == b"before"


# Names.


def test_outputs_in_a_folder_are_named_by_the_stem():
    names = ("in/a.jpg", "in/b.png", "in/c.tif", "in/d.czi")
    paths = writing.output_paths(entries(*names), "out")
    expected = ["out/a.png", "out/b.png", "out/c.tif", "out/d.tif"]
    assert [str(path) for path in paths] == expected


def test_outputs_that_png_cannot_hold_are_all_tiff():
    paths = writing.output_paths(
        entries("in/a.jpg"), "out", suffix_of=lambda entry: ".tif"
    )
    assert [str(path) for path in paths] == ["out/a.tif"]


def test_pages_of_a_stack_share_an_output():
    pages = [ImageEntry(pathlib.Path("in/s.tiff"), page) for page in range(2)]
    assert [str(path) for path in writing.output_paths(pages, "out")] == [
        "out/s.tif",
        "out/s.tif",
    ]


def test_one_image_may_be_given_a_file_name():
    (path,) = writing.output_paths(entries("in/a.jpg"), "out/mask.png")
    assert path == pathlib.Path("out/mask.png")


@pytest.mark.parametrize("out", ["out/mask.jpg", "mask.JPEG", "mask.bmp", "a.npy"])
def test_a_file_of_another_kind_is_no_place_for_a_mask(out):
    with pytest.raises(ValueError, match=f"{out}: masks are not written as"):
        writing.output_paths(entries("in/a.jpg"), out)


def test_two_images_into_one_file_are_refused():
    with pytest.raises(ValueError, match=r"mask\.png is one file, but 2 images"):
        writing.output_paths(entries("in/a.png", "in/b.png"), "mask.png")


@pytest.mark.parametrize("out", ["mask.png", "mask.PNG"])
def test_a_stack_into_a_png_is_refused(out):
    pages = [ImageEntry(pathlib.Path("in/s.tif"), page) for page in range(2)]
    with pytest.raises(ValueError, match=f"{out}: a PNG holds one image"):
        writing.output_paths(pages, out)


# The last two look alike: one letter, and a letter and its accent.
@pytest.mark.parametrize(
    ("one", "other"), [("a", "a"), ("Cell", "cell"), ("\u00e9", "e\u0301")]
)
def test_two_images_of_one_stem_are_refused(one, other):
    with pytest.raises(ValueError, match=r"in/.* and in/.* would both .* out/.*\.png"):
        writing.output_paths(entries(f"in/{one}.jpg", f"in/{other}.png"), "out")


def test_a_tiff_that_is_written_instead_is_nobody_elses():
    path, source = pathlib.Path("out/a.png"), pathlib.Path("in/a.jpg")
    assert writing.tiff_instead(path, source, []) == pathlib.Path("out/a.tif")
    with pytest.raises(ValueError, match=r"in/a\.jpg: .* out/a\.tif is that of anot"):
        writing.tiff_instead(path, source, {pathlib.Path("out/a.tif")})


@pytest.mark.parametrize("out", ["{}", "{}/../images", "{}/a.png"])
def test_an_input_is_never_overwritten(tmp_path, out):
    folder = tmp_path / "images"
    folder.mkdir()
    image = folder / "a.png"
    writing.write_image(image, np.zeros((2, 2), "uint8"))
    with pytest.raises(ValueError, match="is an input"):
        writing.output_paths([ImageEntry(image)], out.format(folder))


def test_an_input_of_another_name_is_never_overwritten(tmp_path):
    image = tmp_path / "A.PNG"
    writing.write_image(image, np.zeros((2, 2), "uint8"))
    # As on a system that takes both names for one file.
    (tmp_path / "A.png").hardlink_to(image)
    with pytest.raises(ValueError, match="is an input"):
        writing.output_paths([ImageEntry(image)], str(tmp_path))


def test_a_folder_that_holds_an_input_is_never_overwritten(tmp_path):
    image = tmp_path / "a.zarr" / "a.png"
    writing.write_image(image, np.zeros((2, 2), "uint8"))
    with pytest.raises(ValueError, match="a.zarr holds an input"):
        writing.output_paths(
            [ImageEntry(image)], str(tmp_path), suffix_of=lambda _: ".zarr"
        )


def test_a_folder_is_made_or_refused(tmp_path):
    writing.check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file/b: cannot be written to"):
        writing.check_writable(tmp_path / "file" / "b")


def test_a_file_can_be_replaced_but_no_folder(tmp_path):
    writing.check_replaceable(tmp_path / "a" / "scores.json")
    assert (tmp_path / "a").is_dir()
    with pytest.raises(ValueError, match=r"a is a folder; name a file"):
        writing.check_replaceable(tmp_path / "a")
