import dataclasses

import numpy as np
import pytest

from pipelines.dataset import Dataset, part_findings
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import MaskCoding
from pipelines.dataset.pairing import Pair
from pipelines.images import ImageEntry

BINARY = MaskCoding("binary", 1, 2)


@pytest.fixture
def part(tmp_path):
    """Makes a set of one pair, whose mask has so many pixels of each value."""

    def part(name, counts, channels=1, coding=BINARY):
        entry = ImageEntry(tmp_path / f"{name}.png")
        values = {field.name: None for field in dataclasses.fields(ImageFacts)}
        facts = ImageFacts(
            **values
            | {
                "channels": channels,
                "mask_counts": counts,
                "image_digest": name,
            }
        )
        return Dataset((Pair(entry, entry),), (facts,), coding)

    return part


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


def test_the_whole_is_looked_at_for_what_there_is_to_learn(part):
    (found,) = part_findings.of_whole(part("a", {0: 5}), "masks")
    assert (found.code, found.file) == ("one-class", "masks")
    assert np.all(part("a", {0: 5, 1: 3}).class_counts() == [[5, 3]])


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
