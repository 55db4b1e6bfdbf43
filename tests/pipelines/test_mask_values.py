import numpy as np
import pytest

from pipelines import mask_values
from pipelines.mask_values import MaskCoding, recognise


def files(*values):
    """Masks a, b, c, ... and the values in each."""
    return list(zip("abcdefgh", values, strict=False))


def refusal(kind, *values):
    with pytest.raises(ValueError) as error:
        recognise(files(*values), kind)
    return str(error.value)


# Recognising.


@pytest.mark.parametrize("kind", ["auto", "binary"])
@pytest.mark.parametrize(
    ("values", "foreground"),
    [
        ([{0, 255}, {0}, {255}], 255),
        ([{0, 1}], 1),
        ([{1, 2}], 2),
        ([{-1, 1}], 1),
        ([{17, 40000}], 40000),
        ([{255}], 255),
        ([{0}, {0}], 1),
    ],
)
def test_of_two_values_the_greater_is_foreground(kind, values, foreground):
    assert recognise(files(*values), kind) == MaskCoding("binary", foreground, 2)


def test_class_ids_make_as_many_classes_as_the_highest_says():
    assert recognise(files({0}, {0, 4}, {1}), "classes") == MaskCoding(
        "classes", None, 5
    )


def test_class_ids_of_background_alone_make_two_classes():
    assert recognise(files({0}), "classes").num_classes == 2


def test_255_classes_are_the_most():
    assert recognise(files(set(range(255))), "classes").num_classes == 255
    message = refusal("classes", {0, 1}, {0, 256})
    assert message.startswith("b: class ids must be 0 to 254, got 256.")
    assert "instances" in message


def test_instances_of_any_number_are_foreground():
    coding = recognise(files({0, 3, 70000}, {0}), "instances")
    assert coding == MaskCoding("instances", None, 2)


# Refusing.


@pytest.mark.parametrize("kind", ["auto", "binary"])
def test_grey_levels_between_two_values_are_named_with_the_file(kind):
    message = refusal(kind, {0, 255}, {0, 3, 128, 250, 255})
    assert message.startswith("b: has 5 values (0, 3, 128, 250, 255)")
    assert "threshold the mask" in message


def test_only_the_first_values_are_listed():
    assert "(0, 7, 14, 21, 28, 35, ...)" in refusal("auto", set(range(0, 256, 7)))


def test_small_ids_could_be_two_things_and_the_user_is_asked():
    message = refusal("auto", {0, 1, 2})
    assert message.startswith("a: has the values 0, 1, 2")
    assert "mask_kind classes or mask_kind instances" in message


@pytest.mark.parametrize(
    "values", [({0, 255}, {0, 1}), ({0, 1}, {0, 2}), ({0}, {1, 2})]
)
def test_masks_of_other_two_values_are_named(values):
    message = refusal("auto", *values)
    together = ", ".join(map(str, sorted(values[0] | values[1])))
    assert message.startswith("b: has the values")
    assert f"(together {together})" in message


@pytest.mark.parametrize("kind", ["classes", "instances"])
def test_negative_ids_are_named(kind):
    message = refusal(kind, {0, 1}, {-3, 0, 1})
    assert message.startswith("b: ids must not be negative, got -3.")


@pytest.mark.parametrize("values", [{0, 255}, {0, 1, 2, 255}])
def test_255_among_few_class_ids_makes_no_net_of_256_classes(values):
    message = refusal("classes", {0, 1}, values)
    assert message.startswith("b: class ids must be 0 to 254, got 255.")


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


def test_masks_of_one_value_are_read_as_the_run_read_its_own():
    known = mask_values.MaskCoding("binary", 255, 2)
    assert mask_values.recognise([("a", {255})], "binary", known).foreground == 255
    assert mask_values.recognise([("a", {0})], "binary", known).foreground == 255
    with pytest.raises(ValueError, match="a: all masks have the one value 1; .* 255"):
        mask_values.recognise([("a", {1})], "binary", known)
