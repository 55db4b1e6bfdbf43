import json

import numpy as np

from pipelines.checking.data_report import make_report
from pipelines.dataset.findings import error, warning
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.mask_values import MaskCoding
from pipelines.dataset.survey import Survey

FACTS = tuple(
    ImageFacts(2, width, 1, "uint8", (0.0,), (1.0,), {}, "") for width in (5, 5, 6)
)
CODING = MaskCoding("binary", 255, 2, (), 9)
FINDINGS = (
    warning("w", "a.png", "is odd.", "Look."),
    error("e", "b.png", "is wrong.", "Mend it."),
)


def report(counts=((6, 2), (10, 0), (12, 0)), coding=CODING, findings=(), names=()):
    found = Survey((), FACTS, coding, (), 4)
    counts = None if counts is None else np.array(counts)
    return make_report(found, counts, 1, findings, names)


def test_a_report_counts_sizes_classes_and_what_was_not_read():
    found = report()
    assert (found.images, found.unreadable, found.held_out) == (3, 1, 1)
    assert found.sizes == {"2x5": 2, "2x6": 1}
    assert found.channels == {"1": 3} and found.dtypes == {"uint8": 3}
    assert [(c.name, c.share, c.masks) for c in found.classes] == [
        ("background", 28 / 30, 3),
        ("foreground", 2 / 30, 1),
    ]
    # 32 pixels, 30 of them of a class.
    assert found.ignored == 1 - 30 / 32
    assert found.empty_masks == 2


def test_a_report_reads_as_a_table():
    lines = str(report(findings=FINDINGS)).split("\n")
    assert lines[0].split() == ["images", "with", "masks", "3,", "1", "not", "read"]
    assert lines[2].split(maxsplit=1) == ["sizes", "2x5 (2), 2x6 (1)"]
    assert lines[5].endswith("binary, foreground 255, 9 ignored")
    assert [line.split() for line in lines[9:12]] == [
        ["class", "pixels", "in", "masks"],
        ["background", "93.33%", "3"],
        ["foreground", "6.67%", "1"],
    ]
    assert lines[-3:] == [
        "error: b.png: is wrong. Mend it.",
        "warning: a.png: is odd. Look.",
        "1 error, 1 warning",
    ]


def test_a_long_name_moves_the_columns_of_all_classes():
    lines = str(report(names=("background", "glacier " * 5 + "ice"))).split("\n")
    assert lines[11].split()[-3:] == ["ice", "6.67%", "1"]
    assert len({len(line) for line in lines[9:12]}) == 1


def test_masks_that_are_not_understood_leave_no_classes():
    found = report(None, None)
    assert (found.mask_kind, found.classes, found.ignored) == (None, [], 0)
    assert "not understood" in str(found)


def test_many_sizes_are_not_all_listed():
    facts = tuple(
        ImageFacts(2, n, 1, "uint8", (0.0,), (1.0,), {}, "") for n in range(1, 9)
    )
    found = make_report(Survey((), facts, None, (), 8), None, 0, ())
    assert "2x5 (1), 3 more" in str(found)
    assert len(found.sizes) == 8


def test_json_holds_everything():
    found = json.loads(report(findings=FINDINGS).to_json())
    assert found["classes"][1] == {"name": "foreground", "share": 2 / 30, "masks": 1}
    assert found["findings"][1] == {
        "severity": "error",
        "code": "e",
        "file": "b.png",
        "message": "is wrong.",
        "way_out": "Mend it.",
    }
