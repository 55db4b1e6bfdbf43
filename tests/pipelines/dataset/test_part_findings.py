import dataclasses

import numpy as np
import pytest

from pipelines.dataset import Dataset, part_findings
from pipelines.dataset.mask_values import MaskCoding
from pipelines.dataset.pairing import Pair
from pipelines.images import ImageEntry


def codes(*parts):
    return [finding.code for finding in part_findings.of_parts(*parts)]


def test_parts_that_fit_have_no_findings(part):
    assert codes(part("a", {0: 5, 1: 5}), part("b", {0: 9, 1: 1})) == []


def test_what_keeps_two_parts_from_use_is_told_of_both(part):
    sound = part("a", {0: 5, 1: 5})
    assert codes(part("a", {0: 5}), sound)[0] == "one-class"
    assert codes(sound, part("b", {0: 5, 1: 1}, channels=3)) == ["channels"]
    ignored = MaskCoding("binary", 1, 2, ignore_value=9)
    assert codes(sound, part("b", {9: 5}, coding=ignored)) == ["all-ignored"]
    more = MaskCoding("classes", None, 3)
    assert codes(sound, part("b", {0: 5, 1: 5, 2: 1}, coding=more)) == ["unknown-class"]
    assert codes(sound, sound) == ["leak"]


def test_a_class_that_only_held_out_masks_show_is_told(part):
    three = MaskCoding("classes", None, 3)
    training = part("a", {0: 5, 1: 5}, coding=three)
    (found,) = part_findings.of_parts(
        training, part("b", dict.fromkeys(range(3), 1), coding=three)
    )
    assert (found.code, found.severity) == ("unlearned-class", "warning")
    assert found.file.endswith("b.png") and "shows class 2" in found.message


def test_a_class_that_no_held_out_mask_shows_is_told(part):
    training = part("a", {0: 5, 1: 5})
    (found,) = part_findings.of_parts(training, part("b", {0: 5}))
    assert (found.code, found.severity) == ("unvalidated-class", "error")
    assert found.file.endswith("a.png")
    assert "shows foreground, which the held-out mask does not" in found.message
    assert "validation_stems" in found.way_out


def test_of_more_classes_one_may_go_unscored(part):
    three = MaskCoding("classes", None, 3)
    training = part("a", dict.fromkeys(range(3), 1), coding=three)
    (found,) = part_findings.of_parts(training, part("b", {0: 5, 2: 1}, coding=three))
    assert (found.code, found.severity) == ("unvalidated-class", "warning")
    assert "shows class 1" in found.message


def test_pages_of_one_file_on_both_sides_are_told(part, tmp_path):
    training, held_out = (
        dataclasses.replace(one, pairs=(Pair(page, page),))
        for one, page in (
            (part("a", {0: 5, 1: 5}), ImageEntry(tmp_path / "stack.tif", 2)),
            (part("b", {0: 5, 1: 5}), ImageEntry(tmp_path / "stack.tif", 3)),
        )
    )
    (found,) = part_findings.of_parts(training, held_out)
    assert (found.code, found.severity) == ("neighbours", "warning")
    assert found.file.endswith("stack.tif page 3")
    assert part_findings.of_parts(training, part("b", {0: 5, 1: 5})) == []


# Classes of the whole.


@pytest.fixture
def of_classes(part):
    """Finds what is wrong with masks a, b, c, ... of so many pixels of each class."""

    def of_classes(counts, in_colour=False):
        num_classes = len(counts[0])
        colours = [f"{number:06X}" for number in range(num_classes)] * in_colour
        coding = MaskCoding("classes", None, num_classes, tuple(colours))
        parts = [
            part(name, dict(enumerate(of_mask)), coding=coding)
            for name, of_mask in zip("abcdef", counts, strict=False)
        ]
        whole = Dataset(
            sum((one.pairs for one in parts), ()),
            sum((one.facts for one in parts), ()),
            coding,
        )
        return part_findings.of_whole(whole, "masks")

    return of_classes


def test_masks_of_one_class_leave_nothing_to_learn(of_classes):
    (found,) = of_classes([[9, 0], [9, 0]])
    assert found.severity == "error"
    assert str(found).startswith("masks: all mask pixels have one value")


def test_a_rare_class_is_told_with_the_mask_that_has_most_of_it(of_classes):
    (found,) = of_classes([[99_999, 1], [99_901, 99]])
    assert found.file.endswith("b.png") and "0.050%" in str(found)
    # As the plan of fit.
    assert "(rare_share); if it is still missed, class_weights balanced" in str(found)
    assert of_classes([[99_900, 100], [99_900, 100]]) == []


def test_a_class_that_no_mask_has_is_told(of_classes):
    (found,) = of_classes([[5, 0, 5]])
    assert "no mask has a pixel of class 1 (id 1). Number" in str(found)
    assert "class_colours" not in str(found)


def test_classes_between_ids_with_gaps_are_told_once_with_the_flag_that_closes_them(
    of_classes,
):
    counts = np.zeros((1, 21), int)
    counts[0, [0, 10, 20]] = 5
    (found,) = of_classes(counts)
    assert "class 2 (id 2), class 3 (id 3) and 15 more." in str(found)
    assert "class_colours 000000,0A0A0A,141414 numbers them anew" in str(found)
    (found,) = of_classes(counts, in_colour=True)
    assert "class_colours" not in str(found)


@pytest.mark.parametrize(("empty", "told"), [(2, False), (3, True)])
def test_more_than_half_of_the_masks_empty_are_told(of_classes, empty, told):
    counts = [[10, 0]] * empty + [[5, 5]] * 2
    found = of_classes(counts)
    assert bool(found) == told
    if told:
        assert "a.png: holds only background, as 3 of 5" in str(found[0])
