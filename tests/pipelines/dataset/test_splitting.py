import numpy as np
import pytest
import tifffile

from pipelines.config import DataConfig
from pipelines.dataset import Dataset, load_dataset, splitting
from pipelines.results import writing

SEEN, EMPTY = np.eye(2, dtype="uint8"), np.zeros((2, 2), "uint8")


@pytest.fixture
def of_masks(tmp_path):
    """Makes a checked set of masks of 2 x 2 pixels."""

    def of_masks(*masks, mask_kind="classes") -> Dataset:
        for number, mask in enumerate(masks):
            image = np.array([[number, 1], [2, 3]], "uint8")
            for folder, pixels in (("images", image), ("masks", mask)):
                path = tmp_path / folder / f"{number:02}.png"
                writing.write_image(path, pixels)
        return load(tmp_path, mask_kind)

    return of_masks


def load(folder, mask_kind="auto"):
    images, masks = str(folder / "images"), str(folder / "masks")
    return load_dataset(DataConfig(images=images, masks=masks, mask_kind=mask_kind))


@pytest.fixture
def twelve(of_masks):
    return of_masks(*[SEEN] * 12)


def stems(part):
    return [pair.image.stem for pair in part.pairs]


def held_out(dataset, chosen=()):
    return stems(splitting.split(dataset, chosen)[1])


def test_every_fifth_pair_is_held_out(twelve):
    kept, held_out = splitting.split(twelve, ())
    assert stems(held_out) == ["04", "09"]
    assert stems(kept) == [f"{n:02}" for n in range(12) if n not in (4, 9)]
    assert len(kept.facts) == 10 and kept.coding == twelve.coding


def test_of_fewer_than_five_pairs_the_last_is_held_out(twelve):
    kept, held_out = splitting.split(twelve.subset([0, 1, 2]), ())
    assert (stems(kept), stems(held_out)) == (["00", "01"], ["02"])


def test_stems_that_are_named_are_held_out(twelve):
    kept, held_out = splitting.split(twelve, ("07", "02", "07"))
    assert stems(held_out) == ["02", "07"]
    assert len(kept.pairs) == 10


def test_an_unknown_stem_is_named_with_those_there_are(twelve):
    with pytest.raises(ValueError, match=r"no image is called 2, x; there are 00, 01"):
        splitting.split(twelve, ("2", "x", "02"))


@pytest.mark.parametrize(("indices", "stems"), [([0], ()), ([0, 1], ("00", "01"))])
def test_nothing_left_to_train_on_is_refused(twelve, indices, stems):
    with pytest.raises(ValueError, match=rf"{len(indices)} of {len(indices)} images"):
        splitting.split(twelve.subset(indices), stems)


def test_pages_are_held_out_by_number_in_every_stack(tmp_path):
    write_stacks(tmp_path, 2, pages=5)
    loaded = load(tmp_path)
    _, parts = splitting.split(loaded, ("3",))
    assert [pair.image.key for pair in parts.pairs] == ["a:3", "b:3"]
    _, whole = splitting.split(loaded, ("b",))
    assert [pair.image.key for pair in whole.pairs] == [f"b:{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("shown_by", "expected"),
    [
        # Counted from the fifth, else from the fourth, third, ...
        ([0, 4], ["04"]),
        ([0, 3], ["03"]),
        ([2, 5], ["02", "07"]),
        # Where only one image shows it: that one is trained on.
        ([4], ["03"]),
        ([1], ["04"]),
    ],
)
def test_each_class_is_on_both_sides_where_that_can_be(of_masks, shown_by, expected):
    masks = [SEEN.copy() for _ in range(8)]
    for number in shown_by:
        masks[number][0, 1] = 2
    assert held_out(of_masks(*masks)) == expected


def test_of_few_images_one_that_shows_the_object_is_held_out(of_masks):
    assert held_out(of_masks(SEEN, SEEN, EMPTY, mask_kind="binary")) == ["01"]


def write_stacks(folder, number_of_stacks, pages=2):
    for name in ("images", "masks"):
        (folder / name).mkdir()
        for number in range(number_of_stacks):
            stack = np.zeros((pages, 2, 6), "uint8")
            stack[:, 0] = 1
            tifffile.imwrite(folder / name / f"{'abcdef'[number]}.tif", stack)


def test_of_five_stacks_whole_files_are_held_out(tmp_path):
    write_stacks(tmp_path, 6)
    assert held_out(load(tmp_path)) == ["e", "e"]


def test_of_four_stacks_every_fifth_page_is_held_out(tmp_path):
    write_stacks(tmp_path, 4)
    assert held_out(load(tmp_path)) == ["c"]
