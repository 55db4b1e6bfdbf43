import numpy as np
import pytest

from pipelines.prediction.output_values import OutputValues

TWO = np.array([[[0.7, 0.3], [0.2, 0.8]]], np.float32)
THREE = np.array([[[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]], np.float32)


def test_masks_of_one_and_two_classes_are_0_and_255():
    values = OutputValues("mask", "uint16", 2, 0.5)
    assert (values.channels, values.dtype, values.averaged) == (1, np.uint8, False)
    assert values.encode(TWO).tolist() == [[[0], [255]]]
    values = OutputValues("mask", "uint16", 1, 0.25)
    assert values.encode(TWO[..., 1:]).tolist() == [[[255], [255]]]


def test_objects_are_found_in_their_cores_and_in_rims():
    values = OutputValues("instances", "uint8", 1, 0.25, 0.75)
    assert (values.dtype, values.numbered, values.rim) == (np.uint32, True, 128)
    found = values.encode(np.array([[[0.2], [0.3], [0.8]]], np.float32))
    assert (found.dtype, found.tolist()) == (np.uint8, [[[0], [128], [255]]])


@pytest.mark.parametrize("of_objects", [None, 0.5, 0.25])
def test_objects_that_are_no_smaller_than_the_mask_have_no_rim(of_objects):
    values = OutputValues("instances", "uint8", 1, 0.5, of_objects)
    assert values.rim is None
    found = values.encode(np.array([[[0.2], [0.3], [0.8]]], np.float32))
    assert found[0, :, 0].tolist() == [0, 255 if of_objects == 0.25 else 0, 255]


def test_the_threshold_of_objects_is_not_that_of_masks():
    values = OutputValues("mask", "uint8", 1, 0.5, 0.75)
    assert values.rim is None
    assert values.encode(np.array([[[0.6]]], np.float32)).tolist() == [[[255]]]


def test_masks_of_more_classes_are_their_ids():
    values = OutputValues("mask", "uint16", 3, None)
    assert values.encode(THREE).tolist() == [[[0], [1]]]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("uint8", [76, 204]), ("uint16", [19660, 52428]), ("float32", [0.3, 0.8])],
)
def test_probabilities_of_two_classes_are_those_of_the_foreground(dtype, expected):
    values = OutputValues("probability", dtype, 2, 0.5)
    assert (values.channels, values.averaged) == (1, True)
    found = values.encode(TWO)
    assert (found.dtype, found.shape) == (dtype, (1, 2, 1))
    # 0.3 * 255 = 76.5 is rounded to the even number.
    np.testing.assert_allclose(found[0, :, 0], expected, rtol=1e-6, atol=0.51)


def test_probabilities_of_more_classes_are_one_channel_each():
    values = OutputValues("probability", "uint8", 3, None)
    assert values.channels == 3
    assert values.encode(THREE)[0, 0].tolist() == [178, 51, 26]
