import pathlib

import numpy as np
import pytest

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


def test_images_that_occur_twice_are_warnings_with_both_names():
    (found,) = of_images({}, {}, {"image_digest": "0", "digest": "0"})
    assert str(found).startswith("images/c: has the same pixels as images/a.")
    (found,) = of_images({}, {"image_digest": "0"})
    assert "the same pixels as images/a, but another mask." in str(found)


# Classes.


def of_classes(counts, names=("background", "foreground"), **settings):
    pairs = [pair(name) for name, _ in zip("abcdef", counts, strict=False)]
    return set_findings.of_classes(pairs, np.array(counts), names, "masks", **settings)


def test_masks_of_one_class_leave_nothing_to_learn():
    (found,) = of_classes([[9, 0], [9, 0]])
    assert found.severity == "error"
    assert str(found).startswith("masks: all mask pixels have one value")


def test_a_rare_class_is_told_with_the_mask_that_has_most_of_it():
    (found,) = of_classes([[99_999, 1], [99_901, 99]])
    assert found.file == "masks/b" and "0.050%" in str(found)
    # As the plan of fit.
    assert "(rare_share); if it is still missed, class_weights balanced" in str(found)
    assert of_classes([[99_900, 100], [99_900, 100]]) == []


def test_a_class_that_no_mask_has_is_told():
    (found,) = of_classes([[5, 0, 5]], ("class 0", "class 1", "class 2"))
    assert "no mask has a pixel of class 1 (id 1). Number" in str(found)
    assert "class_colours" not in str(found)


def test_classes_between_ids_with_gaps_are_told_once_with_the_flag_that_closes_them():
    counts = np.zeros((1, 21), int)
    counts[0, [0, 10, 20]] = 5
    names = [f"class {number}" for number in range(21)]
    (found,) = of_classes(counts, names)
    assert "class 2 (id 2), class 3 (id 3) and 15 more." in str(found)
    assert "class_colours 000000,0A0A0A,141414 numbers them anew" in str(found)
    (found,) = of_classes(counts, names, in_colour=True)
    assert "class_colours" not in str(found)


@pytest.mark.parametrize(("empty", "told"), [(2, False), (3, True)])
def test_more_than_half_of_the_masks_empty_are_told(empty, told):
    counts = [[10, 0]] * empty + [[5, 5]] * 2
    found = of_classes(counts)
    assert bool(found) == told
    if told:
        assert str(found[0]).startswith("masks/a: holds only background, as 3 of 5")


# Leaks.


def test_validation_images_that_are_trained_on_are_told_with_both_names():
    training = (
        [pair("a"), pair("b")],
        [
            facts(image_digest="0"),
            facts(image_digest="1"),
        ],
    )
    held_out = (
        [pair("c"), pair("d")],
        [
            facts(image_digest="1"),
            facts(image_digest="2"),
        ],
    )
    (found,) = set_findings.leaks(training, held_out)
    assert found.severity == "warning" and found.file == "images/c"
    assert "same pixels as the training image images/b" in str(found)
