import dataclasses

import numpy as np
import pytest

from pipelines.dataset import pair_findings
from pipelines.dataset.pair_findings import Place
from pipelines.dataset.pairing import Pair
from pipelines.images import ArrayImage, ImageEntry
from pipelines.images.windowed import Georeference, PixelSize

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


ROME = Georeference("EPSG:32633", (10.0, 0.0, 290_000.0, 0.0, -10.0, 4_640_000.0))


def of_place(*transform):
    return dataclasses.replace(ROME, transform=transform)


@pytest.mark.parametrize(
    ("image", "mask", "told"),
    [
        (Place(PixelSize(0.5, 0.5, "µm")), Place(PixelSize(0.5, 0.50001, "µm")), []),
        (Place(PixelSize(0.5, 0.5, "µm")), Place(PixelSize(1, 1, "µm")), ["a pixel"]),
        (Place(PixelSize(0.5, 0.5, "µm")), Place(), []),
        (Place(None, ROME), Place(None, ROME), []),
        (
            Place(None, ROME),
            # The next tile but one pixel.
            Place(None, of_place(10, 0, 290_010, 0, -10, 4_640_000)),
            ["place on the Earth"],
        ),
        (
            Place(None, ROME),
            Place(None, of_place(20, 0, 290_000, 0, -20, 4_640_000)),
            ["place"],
        ),
        (
            Place(None, ROME),
            Place(None, of_place(10, 1e-17, 290_000.5, 0, -10, 4_640_000)),
            [],
        ),
        (
            Place(None, ROME),
            Place(None, dataclasses.replace(ROME, crs="EPSG:4326")),
            ["reference system"],
        ),
    ],
)
def test_a_mask_of_another_place_is_told(tmp_path, image, mask, told):
    pair = Pair(ImageEntry(tmp_path / "a.tif"), ImageEntry(tmp_path / "m.tif"))
    found = pair_findings.other_place(pair, image, mask)
    assert len(found) == len(told)
    for finding, words in zip(found, told, strict=True):
        assert (finding.code, finding.severity) == ("place", "warning")
        assert words in str(finding)
