import numpy as np
import pytest

from pipelines.dataset import pair_findings
from pipelines.dataset.pairing import Pair
from pipelines.images import ArrayImage, ImageEntry

IMAGE = ArrayImage(np.zeros((2, 3, 2)), "a.png")


@pytest.mark.parametrize(
    "finding",
    [
        pair_findings.not_finite(IMAGE, 7),
        pair_findings.too_large(IMAGE),
        pair_findings.constant(IMAGE, np.array([1, 2])),
        pair_findings.lossy("a.png", "JPEG"),
        pair_findings.no_mask("a.png", "more than 9"),
    ],
)
def test_every_finding_names_its_file_and_a_way_out(finding):
    assert finding.file == "a.png"
    assert str(finding).startswith("a.png: ")
    assert finding.message.endswith(".") and finding.way_out.endswith(".")


def test_a_constant_image_of_channels_names_the_value_of_each():
    assert "the value 1, 2:" in str(pair_findings.constant(IMAGE, np.array([1, 2])))


def test_sizes_are_height_by_width(tmp_path):
    pair = Pair(ImageEntry(tmp_path / "a.png"), ImageEntry(tmp_path / "m.png"))
    text = str(pair_findings.other_size(pair, (2, 3), (5, 7)))
    assert text.startswith(f"{tmp_path / 'm.png'}: the mask is 5x7 (height x width)")
    assert "a.png is 2x3. Give a mask" in text
