import pathlib

from pipelines.dataset import set_findings
from pipelines.dataset.inspection import ImageFacts
from pipelines.dataset.pairing import Pair
from pipelines.images import ImageEntry
from pipelines.images.windowed import PixelSize


def pair(name):
    return Pair(
        ImageEntry(pathlib.Path(f"images/{name}")),
        ImageEntry(pathlib.Path(f"masks/{name}")),
    )


def facts(**changes):
    settings = {
        "height": 4,
        "width": 4,
        "channels": 1,
        "dtype": "uint8",
        "mean": (0.0,),
        "std": (1.0,),
        "mask_counts": {0: 8, 1: 8},
        "digest": "",
    }
    return ImageFacts(**settings | changes)


def of_images(*changes):
    """Findings on images a, b, c, ... that all differ in their pixels."""
    pairs = [pair(name) for name, _ in zip("abcdef", changes, strict=False)]
    all_facts = [
        facts(**{"image_digest": str(n), "digest": str(n)} | change)
        for n, change in enumerate(changes)
    ]
    return set_findings.of_images(pairs, all_facts)


def test_images_alike_give_no_findings():
    assert of_images({}, {}, {}) == []


def test_images_of_other_channels_than_most_are_errors():
    found = of_images({"channels": 3}, {}, {}, {"channels": 4})
    assert [f.file for f in found] == ["images/a", "images/d"]
    assert {f.severity for f in found} == {"error"}
    assert str(found[0]).startswith("images/a: 3 channels, but images/b has 1.")


def test_of_two_kinds_the_second_is_told():
    (found,) = of_images({}, {"channels": 3})
    assert found.file == "images/b"


def test_images_of_another_type_are_warnings():
    (found,) = of_images({}, {"dtype": "uint16"}, {})
    assert found.severity == "warning"
    assert str(found).startswith("images/b: pixels are uint16, but images/a has uint8.")


def test_images_of_another_magnification_are_warnings():
    usual, half, about = (
        {"pixel_size": PixelSize(side, 0.5, "µm")} for side in (0.5, 0.25, 0.50001)
    )
    (found,) = of_images(usual, half, usual)
    assert "images/b: a pixel is 0.25 x 0.5 µm, but images/a says 0.5" in str(found)
    assert of_images(usual, about) == []


def test_scanners_of_one_magnification_are_no_finding():
    slides = [
        {"pixel_size": PixelSize(side, side, "µm")} for side in (0.2498, 0.252, 0.2527)
    ]
    assert of_images(*slides) == []
    (found,) = of_images(*slides, {"pixel_size": PixelSize(0.2498, 0.2498, "mm")})
    assert found.code == "pixel-size"


def test_images_that_occur_twice_are_warnings_with_both_names():
    (found,) = of_images({}, {}, {"image_digest": "0", "digest": "0"})
    assert str(found).startswith("images/c: has the same pixels as images/a.")
    (found,) = of_images({}, {"image_digest": "0"})
    assert "the same pixels as images/a, but another mask." in str(found)
