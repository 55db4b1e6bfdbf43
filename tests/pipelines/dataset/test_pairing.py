import pathlib
import re

import imagecodecs
import numpy as np
import pytest
import tifffile

from pipelines.dataset import pairing
from pipelines.dataset.pairing import Affixes
from pipelines.images import ImageEntry


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


def paired(images, masks, **affixes):
    pairs, found = pairing.find_pairs(images, masks, **affixes)
    assert not found
    return pairs


def told(images, masks, **affixes):
    """What is found on pairs, as text."""
    return [str(f) for f in pairing.find_pairs(images, masks, **affixes)[1]]


def names(pairs):
    return [(pair.image.path.name, pair.mask.path.name) for pair in pairs]


def test_images_and_masks_are_paired_by_stem_whatever_their_kind(make):
    pairs = paired(*make(["b.png", "a.tif"], ["a.png", "b.tiff"]))
    assert names(pairs) == [("a.tif", "a.png"), ("b.png", "b.tiff")]


def test_one_never_matches_ten(make):
    pairs = paired(*make(["1.png", "10.png"], ["10.png", "1.png"]))
    assert names(pairs) == [("1.png", "1.png"), ("10.png", "10.png")]


@pytest.mark.parametrize(
    ("images", "masks"), [(["1.png"], ["10.png"]), (["10.png"], ["1.png"])]
)
def test_folders_of_one_file_each_are_paired_by_stem_too(make, images, masks):
    no_mask, no_image = told(*make(images, masks))
    assert f"{images[0]}: no mask of the same stem" in no_mask
    assert f"{masks[0]}: no image of the same stem" in no_image


def test_every_missing_mask_is_an_error_of_its_image(make):
    images, masks = make(["a.png", "b.png", "c.png"], ["b.png"])
    pairs, found = pairing.find_pairs(images, masks)
    assert names(pairs) == [("b.png", "b.png")]
    assert [f.severity for f in found] == ["error", "error"]
    assert [pathlib.Path(f.file).name for f in found] == ["a.png", "c.png"]
    assert masks in str(found[0])


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (
            ["1_mask.png", "10_mask.png"],
            "Masks are called \\*_mask: say mask_suffix _mask",
        ),
        (["m1.png", "m10.png"], "say mask_prefix m\\."),
        (["1_mask.png", "10_other.png"], "Add the mask"),
    ],
)
def test_masks_of_one_other_form_of_name_are_recognised(make, masks, words):
    found = told(*make(["1.png", "10.png"], masks))
    assert re.search(words, found[0])


def test_of_one_missing_mask_no_other_form_of_name_is_made_up(make):
    (found,) = told(*make(["1.png", "10.png"], ["10.png"]))
    assert "Add the mask" in found


def test_channels_taken_for_images_are_recognised(make):
    images, masks = make([], ["a.png"])
    write(pathlib.Path(images) / "a.tif", 3)
    found = told(images, masks)
    assert len(found) == 4
    assert "if they are channels, save them as such" in found[0]


def test_every_mask_without_an_image_is_a_warning(make):
    images, masks = make(["a.png"], ["a.png", "b.png", "c.png"])
    pairs, found = pairing.find_pairs(images, masks)
    assert names(pairs) == [("a.png", "a.png")]
    assert [f.severity for f in found] == ["warning", "warning"]
    assert [pathlib.Path(f.file).name for f in found] == ["b.png", "c.png"]


@pytest.mark.parametrize("twice", ["images", "masks"])
def test_two_files_of_one_stem_are_told_with_both(make, twice):
    files = {"images": ["a.png"], "masks": ["a.png"]}
    files[twice].append("a.tif")
    (found,) = told(*make(**files))
    assert "a.tif: has the same stem as" in found and "a.png" in found


# Prefixes and suffixes.


def test_affixes_are_no_part_of_the_common_stem(make):
    images, masks = make(["img_1.png", "img_10.png"], ["10_mask.tif", "1_mask.tif"])
    pairs = paired(
        images,
        masks,
        image_affixes=Affixes("img_"),
        mask_affixes=Affixes(suffix="_mask"),
    )
    assert names(pairs) == [
        ("img_1.png", "1_mask.tif"),
        ("img_10.png", "10_mask.tif"),
    ]


@pytest.mark.parametrize(
    ("files", "image_affixes", "mask_affixes"),
    [
        (("1.png", "1_mask.png"), Affixes(), Affixes(suffix="_mask")),
        (("img_1.png", "1.png"), Affixes("img_"), Affixes()),
        (("img_1.png", "mask_1.png"), Affixes("img_"), Affixes("mask_")),
        (
            ("1_raw.png", "1_raw_mask.png"),
            Affixes(suffix="_raw"),
            Affixes("", "_raw_mask"),
        ),
    ],
)
def test_images_and_masks_may_share_a_folder(make, files, image_affixes, mask_affixes):
    folder, _ = make(files, [])
    pairs = paired(
        folder, folder, image_affixes=image_affixes, mask_affixes=mask_affixes
    )
    assert names(pairs) == [files]


def test_stacks_of_images_and_masks_may_share_a_folder(tmp_path):
    for name in ("a.tif", "a_mask.tif"):
        write(tmp_path / name, num_pages=2)
    affixes = {"mask_affixes": Affixes(suffix="_mask")}
    folder = str(tmp_path)
    assert told(folder, folder, **affixes) == []
    pairs = paired(folder, folder, **affixes)
    assert [pair.mask.name for pair in pairs] == [
        f"{tmp_path / 'a_mask.tif'} page {page}" for page in range(2)
    ]


def test_files_of_other_names_are_not_used_and_told(make):
    images, masks = make(["img_1.png", "readme.png"], ["1.png"])
    (found,) = told(images, masks, image_affixes=Affixes("img_"))
    assert "readme.png: is not called img_* and is not used." in found


def test_affixes_that_no_file_has_are_refused(make):
    images, masks = make(["1.png"], ["1.png"])
    with pytest.raises(ValueError, match=r"none of 1 files is called im_\*"):
        pairing.find_pairs(images, masks, image_affixes=Affixes("im_"))


def test_a_name_of_affixes_alone_has_no_common_stem():
    entry = ImageEntry(pathlib.Path("img_mask.png"))
    assert Affixes("img_", "_mask").key(entry) is None
    assert Affixes("img_", "mask").key(entry) is None


# Stacks.


def test_two_stacks_named_outright_are_paired_page_by_page(tmp_path):
    write(tmp_path / "volume.tif", 3)
    write(tmp_path / "labels.tif", 3)
    pairs = paired(str(tmp_path / "volume.tif"), str(tmp_path / "labels.tif"))
    assert [(pair.image.page, pair.mask.page) for pair in pairs] == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_a_stack_with_fewer_masks_names_the_pages_without(tmp_path):
    write(tmp_path / "volume.tif", 4)
    write(tmp_path / "labels.tif", 2)
    found = told(str(tmp_path / "volume.tif"), str(tmp_path / "labels.tif"))
    assert [text.partition(": ")[0][-6:] for text in found] == ["page 2", "page 3"]
    assert "no mask of the same page" in found[0]


def test_stacks_in_folders_are_paired_by_stem_and_page(tmp_path):
    for folder in ("images", "masks"):
        for name in ("a.tif", "b.tif"):
            write(tmp_path / folder / name, 2)
    pairs = paired(str(tmp_path / "images"), str(tmp_path / "masks"))
    assert [pair.image.key for pair in pairs] == ["a:0", "a:1", "b:0", "b:1"]
    assert all(pair.image.key == pair.mask.key for pair in pairs)


def test_two_images_named_outright_belong_together_whatever_their_stems(make):
    images, masks = make(["photo.png"], ["photo_mask.png"])
    pairs = paired(f"{images}/photo.png", f"{masks}/photo_mask.png")
    assert names(pairs) == [("photo.png", "photo_mask.png")]


def test_an_image_is_not_its_own_mask(make):
    images, _ = make(["a.png"], [])
    (found,) = told(images, f"{images}/*.png")
    assert "a.png: is named as an image and as its own mask." in found


def test_names_that_look_alike_belong_together(make):
    # An e with an accent: one letter, or a letter and a sign.
    images, masks = make(["caf\u00e9.png"], ["cafe\u0301_mask.png"])
    (pair,) = paired(images, masks, mask_affixes=Affixes(suffix="_mask"))
    assert pair.mask.path.name == "cafe\u0301_mask.png"
