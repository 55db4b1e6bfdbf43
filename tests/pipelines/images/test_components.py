import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pipelines.images import ArrayImage, blocks, components
from pipelines.images.components import label_components


def in_small_blocks(monkeypatch, size):
    """Makes blocks of `size` x `size` pixels, in the order of `blocks`."""

    def small_blocks(image):
        for top in range(0, image.height, size):
            for left in range(0, image.width, size):
                height = min(size, image.height - top)
                width = min(size, image.width - left)
                yield top, left, image.window(top, left, height, width)

    monkeypatch.setattr(components, "blocks", small_blocks)


def is_object(pixels):
    return pixels != 0


def labels_of(mask, foreground=is_object):
    labels = np.full((*mask.shape, 1), -1, np.int32)
    image = ArrayImage(mask[..., np.newaxis], "mask")
    count = label_components(image, labels, foreground)
    return labels[..., 0], count


def assert_same_parts(found, expected):
    """Equal up to the numbers: pairs of numbers are one to one, and 0 is 0."""
    pairs = set(zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert (
        len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})
    )
    assert all((one == 0) == (two == 0) for one, two in pairs)


@settings(max_examples=200)
@given(
    mask=arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
        elements=st.sampled_from([0, 1, 1, 7]),
    ),
    size=st.integers(1, 8),
)
def test_components_are_those_of_scipy_whatever_the_blocks(mask, size):
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_small_blocks(monkeypatch, size)
        labels, count = labels_of(mask)
    expected, expected_count = ndimage.label(mask)
    assert count == expected_count
    assert set(np.unique(labels)) | {0} == set(range(count + 1))
    assert_same_parts(labels, expected)


def test_a_spiral_through_all_blocks_is_one_component(monkeypatch):
    mask = np.zeros((41, 41), np.uint8)
    for ring in range(0, 20, 4):
        mask[ring : 41 - ring, [ring, 40 - ring]] = 1
        mask[[ring, 40 - ring], ring : 41 - ring] = 1
        mask[ring + 1, ring] = 0
        mask[ring + 2, ring : ring + 5] = 1
    in_small_blocks(monkeypatch, 3)
    labels, count = labels_of(mask)
    expected, expected_count = ndimage.label(mask)
    assert count == expected_count
    assert_same_parts(labels, expected)


def test_real_blocks_are_joined_too(random, monkeypatch):
    mask = ndimage.gaussian_filter(random.normal(0, 1, (600, 700)), 3) > 0
    image = ArrayImage(mask[..., np.newaxis], "mask")
    assert len(list(blocks(image, 700 * 100))) > 3
    monkeypatch.setattr(components, "blocks", lambda image: blocks(image, 700 * 100))
    labels, count = labels_of(mask)
    expected, expected_count = ndimage.label(mask)
    assert count == expected_count
    assert_same_parts(labels, expected)


def test_what_is_foreground_can_be_said():
    mask = np.array([[5, 5, 255, 5, 0]], np.uint8)
    labels, count = labels_of(mask, foreground=lambda pixels: pixels == 5)
    np.testing.assert_array_equal(labels, [[1, 1, 0, 2, 0]])
    assert count == 2


def test_too_many_parts_are_refused(monkeypatch):
    monkeypatch.setattr(components, "MOST_PARTS", 255)
    mask = np.zeros((1, 600), np.uint8)
    mask[0, ::2] = 1
    with pytest.raises(ValueError, match="more than 255 parts"):
        labels_of(mask)
