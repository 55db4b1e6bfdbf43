import dataclasses
import logging

import numpy as np
import PIL.Image
import pytest

from pipelines.config import DataConfig
from pipelines.dataset import dataset, part_findings, splitting
from pipelines.dataset.mask_values import IGNORED
from pipelines.results import writing

MASK = np.array([[0, 255, 255], [0, 0, 255]], "uint8")


@pytest.fixture
def write(tmp_path):
    """Writes an image and its mask."""

    def write(name, image=None, mask=MASK):
        image = np.arange(6, dtype="uint8").reshape(2, 3) if image is None else image
        for folder, pixels in (("images", image), ("masks", mask)):
            writing.write_image(tmp_path / folder / name, pixels)

    return write


@pytest.fixture
def load(tmp_path):
    def load(mask_kind="auto", **settings):
        scaling = settings.pop("scaling", None)
        return dataset.load_dataset(
            DataConfig(
                images=str(tmp_path / "images"),
                masks=str(tmp_path / "masks"),
                mask_kind=mask_kind,
                **settings,
            ),
            scaling=scaling,
        )

    return load


@pytest.fixture
def twelve(write, load):
    for number in range(12):
        write(f"{number:02}.png")
    return load()


# Facts.


def test_images_and_masks_are_read_back_by_number(write, load):
    write("a.png")
    write("b.png", np.full((2, 3), 9, "uint8"), 255 - MASK)
    loaded = load()
    assert (loaded.image(1) == 9).all() and loaded.image(1).shape == (2, 3, 1)
    np.testing.assert_array_equal(loaded.mask(1), [[1, 0, 0], [1, 1, 0]])
    assert loaded.classes_found == {0, 1}
    assert loaded.class_names == ["background", "foreground"]


@pytest.mark.parametrize(("channels", "taken"), [(2, 1), (4, 3)])
def test_the_alpha_of_a_png_does_not_count(write, load, channels, taken):
    image = np.arange(6 * channels, dtype="uint8").reshape(2, 3, channels)
    write("a.png", image)
    loaded = load()
    assert loaded.channels == len(loaded.facts[0].mean) == taken
    np.testing.assert_array_equal(loaded.image(0), image[..., :taken])


def test_grey_with_and_without_alpha_are_one_kind(write, load):
    write("a.png", np.zeros((2, 3, 2), "uint8"))
    write("b.png", np.zeros((2, 3), "uint8"))
    assert load().channels == 1


def test_classes_are_named_by_their_ids(write, load):
    write("a.png", mask=np.array([[0, 1, 3], [0, 0, 0]], "uint8"))
    loaded = load("classes")
    assert loaded.class_names == ["class 0", "class 1", "class 2", "class 3"]
    assert loaded.classes_found == {0, 1, 3}


def test_names_that_are_given_are_those_of_every_part(write, load):
    write("a.png", mask=np.array([[0, 1, 2], [0, 0, 0]], "uint8"))
    loaded = load("classes", class_names=("sky", "sea", "ice"))
    assert loaded.subset([0]).class_names == ["sky", "sea", "ice"]
    with pytest.raises(ValueError, match="gives 2 names .* have 3 classes"):
        load("classes", class_names=("sky", "sea"))


def test_sizes_may_differ_between_pairs(write, load):
    write("a.png")
    write("b.png", np.zeros((4, 5), "uint8"), np.zeros((4, 5), "uint8"))
    assert [facts.height for facts in load().facts] == [2, 4]


def test_the_fingerprint_changes_with_any_pixel_and_not_with_the_file(write, load):
    write("a.png")
    before = load().fingerprint
    write("a.png")
    assert load().fingerprint == before
    changed = MASK.copy()
    changed[0, 0] = 255
    write("a.png", mask=changed)
    assert load().fingerprint != before


def test_pixels_are_scaled_as_the_settings_say(write, load):
    write("a.png")
    assert load().scaling == "per_image"
    by_type = load(scaling="dtype")
    assert by_type.scaling == "dtype"
    assert (by_type.facts[0].mean, by_type.facts[0].std) == ((0,), (255,))


def test_ignored_pixels_are_marked_and_not_counted(write, load):
    write("a.png", mask=np.array([[0, 255, 9], [9, 9, 255]], "uint8"))
    loaded = load(ignore_value=9)
    np.testing.assert_array_equal(
        loaded.mask(0), [[0, 1, IGNORED], [IGNORED, IGNORED, 1]]
    )
    np.testing.assert_array_equal(loaded.class_counts(), [[1, 2]])
    assert loaded.classes_found == {0, 1}


def test_masks_in_colour_are_read_by_the_table(write, load):
    colours = np.zeros((2, 3, 3), "uint8")
    colours[0, 0], colours[1, 1] = (255, 0, 0), (0, 0, 255)
    write("a.png", mask=colours)
    loaded = load(class_colours=("000000", "0000FF", "FF0000"))
    np.testing.assert_array_equal(loaded.mask(0), [[2, 0, 0], [0, 1, 0]])
    with loaded.open_labels(0) as labels:
        assert labels.channels == 3


def test_every_kind_of_mask_is_said(write, load, caplog):
    write("a.png")
    with caplog.at_level(logging.INFO):
        load()
    assert "Masks are binary, foreground 255." in caplog.text


# Refusals.


def test_the_first_fault_is_told_with_the_number_of_the_others(write, load, tmp_path):
    for name in "abc":
        write(f"{name}.png")
        (tmp_path / "images" / f"{name}.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"a\.png: .* And 2 more errors: keras-unet ch"
    ):
        load()


def test_warnings_are_logged_a_few_of_a_kind(write, load, caplog):
    for name in "abcdef":
        write(f"{name}.png")
    load()
    assert caplog.text.count("has the same pixels as") == 3
    assert "and 2 more of duplicate" in caplog.text


def test_images_on_both_sides_of_the_split_are_logged(twelve, caplog):
    kept, held_out = splitting.split(twelve, ())
    dataset.heed(part_findings.of_parts(kept, held_out))
    assert caplog.text.count("is held out for validation and has the same") == 2


def test_a_palette_mask_counts_its_indices(write, load, tmp_path):
    write("a.png")
    palette = PIL.Image.fromarray(np.array([[0, 1, 2], [0, 0, 0]], "uint8"))
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    palette.save(tmp_path / "masks" / "a.png")
    assert load("classes").facts[0].mask_counts == {0: 4, 1: 1, 2: 1}


# What is kept.


def test_a_run_keeps_names_and_fingerprint(twelve):
    part = twelve.subset([3])
    described = part.describe()
    assert described["images"] == [str(part.pairs[0].image.path)]
    assert described["pixel_types"] == {"uint8": 1}
    assert len(described["fingerprint"]) == 32


def test_facts_are_plain_numbers(twelve):
    facts = dataclasses.asdict(twelve.facts[0])
    assert type(facts["mean"][0]) is float
    assert {type(n) for item in facts["mask_counts"].items() for n in item} == {int}
