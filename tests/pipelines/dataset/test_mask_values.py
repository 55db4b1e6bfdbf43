import numpy as np
import pytest

from pipelines.dataset import mask_values
from pipelines.dataset.mask_values import IGNORED, MaskCoding, MaskValues, class_names

# Coding.


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        (MaskCoding("binary", 255, 2), [[0, 0, 0, 1]]),
        (MaskCoding("binary", 1, 2), [[0, 1, 0, 0]]),
        (MaskCoding("instances", None, 2), [[0, 1, 1, 1]]),
        (MaskCoding("classes", None, 8, (), 255), [[0, 1, 7, 255]]),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_values_become_class_ids(coding, expected, dtype):
    mask = np.array([[0, 1, 7, 255]], dtype)
    ids = mask_values.class_ids(mask, coding)
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal(ids, expected)


def test_instance_ids_beyond_a_byte_are_foreground():
    mask = np.array([[0, 256, 512]], "uint16")
    coding = MaskCoding("instances", None, 2)
    np.testing.assert_array_equal(mask_values.class_ids(mask, coding), [[0, 1, 1]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("binary", [0, 1, IGNORED]), ("instances", [0, 1, IGNORED])],
)
def test_pixels_of_the_ignore_value_are_ignored(kind, expected):
    coding = MaskCoding(kind, 7, 2, (), 9)
    ids = mask_values.class_ids(np.array([0, 7, 9]), coding)
    np.testing.assert_array_equal(ids, expected)


def test_ids_that_wrap_around_in_a_byte_may_be_ignored():
    coding = MaskCoding("classes", None, 3, (), 65535)
    ids = mask_values.class_ids(np.array([0, 2, 65535], "uint16"), coding)
    np.testing.assert_array_equal(ids, [0, 2, IGNORED])


def test_colours_become_their_places_in_the_table():
    coding = MaskCoding("classes", None, 3, ("000000", "ff0000", "0000FF"), 0xFFFFFF)
    mask = np.array([[[0, 0, 0], [255, 0, 0], [0, 0, 255], [255, 255, 255]]], "uint8")
    numbers = mask_values.numbers_of(mask, in_colour=True)
    np.testing.assert_array_equal(
        mask_values.class_ids(numbers, coding)[..., 0], [[0, 1, 2, IGNORED]]
    )


def test_grey_masks_of_a_set_in_colour_have_colours_of_equal_parts():
    numbers = mask_values.numbers_of(np.array([[[18]]], "uint8"), in_colour=True)
    assert mask_values.colour_name(int(numbers[0, 0, 0])) == "121212"
    assert mask_values.is_grey(0x121212) and not mask_values.is_grey(0x121213)


def test_a_coding_is_the_same_after_its_way_through_json():
    assert MaskCoding("classes", None, 2, ["000000", "FFFFFF"]) == MaskCoding(
        "classes", None, 2, ("000000", "FFFFFF")
    )


# The look of values.


@pytest.mark.parametrize(
    ("counts", "smoothed"),
    [
        ({0: 80, 255: 15, 128: 2, 31: 1}, True),
        ({0: 800, 255: 150, 1: 5, 2: 3, 254: 9}, True),
        ({0: 90, 255: 10}, False),
        ({0: 90, 1: 1, 2: 9}, False),
        ({0: 90, 3: 5, 8: 4, 11: 3}, False),
    ],
)
def test_two_values_with_few_others_look_smoothed(counts, smoothed):
    assert MaskValues("a", counts).looks_smoothed == smoothed


def test_objects_are_wider_than_the_grain_of_an_image():
    assert MaskValues("a", {0: 50, 1: 6, 2: 6}, runs=4).has_objects
    assert not MaskValues("a", {0: 50, 1: 6, 2: 6}, runs=5).has_objects


@pytest.mark.parametrize(
    ("values", "without_gap"),
    [((0, 1, 2), True), ((1, 2), True), ((0, 2), False), ((2, 3), False)],
)
def test_ids_without_a_gap_begin_at_0_or_1(values, without_gap):
    assert MaskValues("a", dict.fromkeys(values, 1)).without_gap == without_gap


@pytest.mark.parametrize(
    ("num_classes", "given", "names"),
    [
        (2, (), ["background", "foreground"]),
        (2, ("background", "cells"), ["background", "cells"]),
        (3, (), ["class 0", "class 1", "class 2"]),
        (3, ("sky",), ["sky", "class 1", "class 2"]),
        (2, ("sky", "sea", "ice"), ["sky", "sea", "ice"]),
    ],
)
def test_classes_without_a_name_are_called_by_their_ids(num_classes, given, names):
    assert class_names(num_classes, given) == names


@pytest.mark.parametrize(
    ("coding", "words"),
    [
        (MaskCoding("binary", 255, 2), "binary, foreground 255"),
        (
            MaskCoding("instances", None, 2, (), 9),
            "instances, all ids but 0 are foreground, 9 ignored",
        ),
        (
            MaskCoding("classes", None, 2, ("000000", "0000FF"), 0xFFFFFF),
            "classes, 2 of them, in colour, FFFFFF ignored",
        ),
    ],
)
def test_a_coding_is_told_in_words(coding, words):
    assert coding.in_words == words
