import logging

import imagecodecs
import numpy as np
import pytest
import tifffile

from pipelines import pairing


def write(path, num_pages=1):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(np.zeros((2, 3), "uint8")))
    else:
        with tifffile.TiffWriter(path) as writer:
            for _ in range(num_pages):
                writer.write(np.zeros((2, 3), "uint8"), contiguous=False, metadata=None)


@pytest.fixture
def make(tmp_path):
    """Writes images and masks of some names, returns the folders."""

    def make(images, masks):
        for name in images:
            write(tmp_path / "images" / name)
        for name in masks:
            write(tmp_path / "masks" / name)
        return str(tmp_path / "images"), str(tmp_path / "masks")

    return make


def names(pairs):
    return [(pair.image.path.name, pair.mask.path.name) for pair in pairs]


def test_images_and_masks_are_paired_by_stem_whatever_their_kind(make):
    pairs = pairing.find_pairs(*make(["b.png", "a.tif"], ["a.png", "b.tiff"]))
    assert names(pairs) == [("a.tif", "a.png"), ("b.png", "b.tiff")]


def test_one_never_matches_ten(make):
    pairs = pairing.find_pairs(*make(["1.png", "10.png"], ["10.png", "1.png"]))
    assert names(pairs) == [("1.png", "1.png"), ("10.png", "10.png")]


@pytest.mark.parametrize(
    ("images", "masks"), [(["1.png"], ["10.png"]), (["10.png"], ["1.png"])]
)
def test_folders_of_one_file_each_are_paired_by_stem_too(make, images, masks):
    with pytest.raises(ValueError, match=rf"{images[0]}: no mask of the same stem"):
        pairing.find_pairs(*make(images, masks))


def test_missing_masks_are_named_and_counted(make):
    images, masks = make(["a.png", "b.png", "c.png"], ["b.png"])
    with pytest.raises(ValueError, match=r"a\.png and 1 more: no mask") as error:
        pairing.find_pairs(images, masks)
    assert masks in str(error.value)


def test_masks_without_an_image_are_reported_and_not_used(make, caplog):
    images, masks = make(["a.png"], ["a.png", "b.png"])
    with caplog.at_level(logging.WARNING):
        assert names(pairing.find_pairs(images, masks)) == [("a.png", "a.png")]
    assert "1 masks have no image and are not used: b" in caplog.text


@pytest.mark.parametrize("twice", ["images", "masks"])
def test_two_files_of_one_stem_are_refused_with_both(make, twice):
    files = {"images": ["a.png"], "masks": ["a.png"]}
    files[twice].append("a.tif")
    with pytest.raises(ValueError, match=r"a\.png and .*a\.tif have the same stem"):
        pairing.find_pairs(*make(**files))


def test_two_stacks_named_outright_are_paired_page_by_page(tmp_path):
    write(tmp_path / "volume.tif", 3)
    write(tmp_path / "labels.tif", 3)
    pairs = pairing.find_pairs(
        str(tmp_path / "volume.tif"), str(tmp_path / "labels.tif")
    )
    assert [(pair.image.page, pair.mask.page) for pair in pairs] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_a_stack_with_fewer_masks_names_the_first_page_without(tmp_path):
    write(tmp_path / "volume.tif", 4)
    write(tmp_path / "labels.tif", 2)
    with pytest.raises(ValueError, match=r"page 2 and 1 more: no mask of the same pag"):
        pairing.find_pairs(str(tmp_path / "volume.tif"), str(tmp_path / "labels.tif"))


def test_stacks_in_folders_are_paired_by_stem_and_page(tmp_path):
    for folder in ("images", "masks"):
        for name in ("a.tif", "b.tif"):
            write(tmp_path / folder / name, 2)
    pairs = pairing.find_pairs(str(tmp_path / "images"), str(tmp_path / "masks"))
    assert [pair.image.key for pair in pairs] == ["a:0", "a:1", "b:0", "b:1"]
    assert all(pair.image.key == pair.mask.key for pair in pairs)


def test_two_images_named_outright_belong_together_whatever_their_stems(make):
    images, masks = make(["photo.png"], ["photo_mask.png"])
    pairs = pairing.find_pairs(f"{images}/photo.png", f"{masks}/photo_mask.png")
    assert names(pairs) == [("photo.png", "photo_mask.png")]


def test_an_image_is_not_its_own_mask(make):
    images, _ = make(["a.png"], [])
    with pytest.raises(ValueError, match=r"a\.png: .* its own mask"):
        pairing.find_pairs(images, f"{images}/*.png")
