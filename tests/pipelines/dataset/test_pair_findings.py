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


@pytest.mark.parametrize(
    ("image", "mask", "way_out"),
    [
        ((10240, 12032), (2560, 3008), "without smoothing (nearest neighbour)."),
        # Sides of levels are rounded, up or down.
        ((2901, 3303), (725, 826), "without smoothing (nearest neighbour)."),
        ((725, 825), (2901, 3303), "without smoothing (nearest neighbour)."),
        ((700, 640), (699, 640), "Give a mask of the image's size."),
        ((700, 640), (350, 600), "Give a mask of the image's size."),
        ((700, 640), (640, 700), "Turn one of them by a quarter."),
    ],
)
def test_a_mask_of_another_level_is_to_be_scaled(tmp_path, image, mask, way_out):
    pair = Pair(ImageEntry(tmp_path / "a.png"), ImageEntry(tmp_path / "m.png"))
    assert pair_findings.other_size(pair, image, mask).way_out.endswith(way_out)
