import pytest

from pipelines.dataset import mask_refusals
from pipelines.dataset.mask_values import MaskCoding, MaskValues


@pytest.mark.parametrize(("extra", "hinted"), [({}, True), ({3: 1, 9: 1}, False)])
def test_few_grey_levels_may_be_ids_or_a_mark(extra, hinted):
    mask = MaskValues("a", {0: 90, 255: 40, 128: 1} | extra)
    found = mask_refusals.too_many_values(mask, "auto")
    assert found.code == "grey-levels"
    assert ("ignore_value" in str(found)) == hinted
    assert ("unless they are ids" in str(found)) == hinted


def test_colours_are_listed_the_most_frequent_first():
    counts = {0x0000FF: 2, 0xFF0000: 9, 0: 2}
    assert mask_refusals.listed_colours(counts) == "FF0000, 000000, 0000FF"


def test_a_list_of_colours_has_an_end():
    text = mask_refusals.listed_colours(dict.fromkeys(range(30), 1))
    assert text.endswith("000017, and 6 more")


def test_a_colour_beside_the_table_may_be_one_to_ignore():
    mask = MaskValues("a", {0: 5, 0xFFFFFF: 2})
    found = str(mask_refusals.other_colours(mask, {0xFFFFFF: 2}))
    assert found.startswith(
        "a: 2 pixels have a colour that is not in class_colours: FFF"
    )
    assert found.endswith("or say ignore_value 16777215 to leave its pixels out.")
    assert "ignore" not in str(mask_refusals.other_colours(mask, {1: 2, 2: 9}))


def test_numbers_of_a_palette_may_be_ids():
    # 1 and 2 as colours.
    seen = {0x010101: 2, 0x020202: 9}
    found = str(mask_refusals.other_colours(MaskValues("a", seen), seen))
    assert "if the numbers of its pixels are the ids, set mask_kind classes" in found


@pytest.mark.parametrize(
    ("ids", "names", "way_out"),
    [
        ((0, 1, 2), ("a", "b"), "the background first."),
        ((0, 1, 2), ("a", "b", "c", "d"), "room for more classes by num_classes 4."),
        ((0, 10, 20), ("a", "b", "c"), "class_colours 000000,0A0A0A,141414."),
    ],
)
def test_names_for_other_classes_than_the_masks_have_are_told(ids, names, way_out):
    mask = MaskValues("a", dict.fromkeys(ids, 5) | {255: 1})
    coding = MaskCoding("classes", None, ids[-1] + 1, (), 255)
    found = mask_refusals.other_number_of_names([mask], coding, names, "masks")
    assert (found.severity, found.code, found.file) == ("error", "class-names", "masks")
    assert f"gives {len(names)} names (0 a, 1 b" in found.message
    listed = ", ".join(map(str, ids))
    end = f"{ids[-1] + 1} classes, ids 0 to {ids[-1]} (found: {listed})."
    assert found.message.endswith(end)
    assert found.way_out.endswith(way_out)


def test_three_names_for_a_binary_mask_ask_whether_its_values_are_ids():
    mask, coding = MaskValues("a", {0: 5, 2: 5}), MaskCoding("binary", 2, 2)
    found = mask_refusals.other_number_of_names([mask], coding, ("a", "b", "c"), "m")
    assert found.message.endswith("2 classes, ids 0 to 1 (binary, foreground 2).")
    assert found.way_out.endswith("if values are ids, say mask_kind classes.")
