import pytest

from pipelines.dataset import palette_findings
from pipelines.dataset.mask_values import MaskCoding

GREEN, RED = 0x00A000, 0xDC0000


def test_palettes_that_number_one_colour_differently_are_told(part):
    three = MaskCoding("classes", None, 3)
    counts = {0: 5, 1: 5, 2: 5}
    training = part("a", counts, coding=three, colours={0: 0, 1: GREEN, 2: RED})
    held_out = part("b", counts, coding=three, colours={0: 0, 1: RED, 2: GREEN})
    (found,) = palette_findings.other_palettes(training, held_out)
    assert (found.code, found.severity) == ("palettes", "warning")
    assert found.file.endswith("b.png")
    assert "DC0000 is the value 1, but in" in found.message
    assert "a.png it is 2:" in found.message


@pytest.mark.parametrize(
    ("kind", "colours"),
    [
        # A mask without a palette, and one that lacks a class.
        ("classes", {}),
        ("classes", {0: 0, 2: RED}),
        # Colours that tell nothing apart.
        ("classes", {0: 0, 1: RED, 2: RED}),
        # Ids of objects have any colours.
        ("instances", {0: 0, 1: RED, 2: GREEN}),
    ],
)
def test_palettes_that_mix_up_no_classes_are_no_finding(part, kind, colours):
    coding = MaskCoding(kind, None, 3)
    counts = {0: 5, 1: 5, 2: 5}
    known = part("a", counts, coding=coding, colours={0: 0, 1: GREEN, 2: RED})
    other = part("b", counts, coding=coding, colours=colours)
    assert list(palette_findings.other_palettes(known, other)) == []
