import numpy as np
import pytest

from pipelines.checking import check
from pipelines.config import CheckConfig
from pipelines.images import writing


@pytest.fixture
def config(tmp_path):
    """Settings of a check of masks, one image of zeros for each."""

    def make(*masks, **settings):
        for number, mask in enumerate(masks):
            mask = np.array(mask, "uint8")
            image = np.zeros(mask.shape, "uint8" if number else "uint16")
            for folder, pixels in (("images", image), ("masks", mask)):
                writing.write_pages(tmp_path / folder / f"{number}.png", [pixels])
        return CheckConfig(
            images=tmp_path / "images", masks=tmp_path / "masks", **settings
        )

    return make


def test_a_check_counts_sizes_types_and_classes(config):
    report = check(config([[0, 255, 255]], [[0, 0, 255]], [[0, 0]]))
    assert report.images == 3
    assert report.sizes == {"1x3": 2, "1x2": 1}
    assert report.channels == 1
    assert report.dtypes == {"uint16": 1, "uint8": 2}
    assert report.mask_kind == "binary"
    # 3 of 8 pixels.
    assert report.shares == {"background": 0.625, "foreground": 0.375}
    assert report.empty_masks == 1


def test_classes_that_are_nowhere_have_a_share_of_0(config):
    report = check(config([[0, 0, 1, 3]], mask_kind="classes"))
    assert report.shares == {
        "class 0": 0.5,
        "class 1": 0.25,
        "class 2": 0,
        "class 3": 0.25,
    }


def test_instances_count_as_foreground(config):
    report = check(config([[0, 7, 9, 200]], mask_kind="instances"))
    assert report.shares == {"background": 0.25, "foreground": 0.75}
    assert report.mask_kind == "instances"


def test_masks_without_any_foreground_are_reported(config):
    report = check(config([[0, 0]], [[0, 0]]))
    assert report.empty_masks == 2
    assert report.shares["foreground"] == 0


def test_the_report_reads_as_a_table(config):
    lines = str(check(config([[0, 255, 255, 255]], [[0, 0]]))).split("\n")
    assert lines[0].split() == ["images", "with", "masks", "2"]
    assert lines[1].endswith("1x4 (1), 1x2 (1)")
    assert lines[5].endswith("background 50.0%, foreground 50.0%")


def test_a_set_that_cannot_be_trained_on_is_refused(config):
    with pytest.raises(ValueError, match=r"masks/0\.png: has 3 values"):
        check(config([[0, 128, 255]]))
