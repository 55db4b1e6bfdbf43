import collections

import numpy as np
import pytest

from pipelines.tiles.class_pixels import (
    ClassPixels,
    labelling_in_words,
    sparse_images,
)


def labelled_rows(count, side=20):
    mask = np.full((side, side), 255, np.uint8)
    mask[:count] = 0
    return mask


@pytest.fixture
def patches(masks_of):
    """The second image has a patch of 3 x 4 pixels of class 0 and 8 of class 1."""
    mask = np.full((40, 50), 255, np.uint8)
    mask[10:13, 20:24] = 0
    mask[30, 40:48] = 1
    return masks_of(labelled_rows(20), mask)


def words(random):
    return random.integers(0, 2**63 - 1, 3).tolist()


def test_an_image_with_less_than_half_its_pixels_labelled_is_sparse(masks_of):
    masks = masks_of(*map(labelled_rows, (20, 10, 9, 0)))
    assert sparse_images(masks).tolist() == [False, False, True, True]


def test_no_image_of_an_unlabelled_set_is_sparse(masks_of):
    masks = masks_of(labelled_rows(0), labelled_rows(0))
    assert not sparse_images(masks).any()


def test_each_labelled_pixel_of_a_sparse_image_is_drawn_as_often(patches, random):
    pixels = ClassPixels(patches, seed=0)
    drawn = collections.Counter(
        tuple(pixels.labelled_pixel(1, *words(random)[:2]).tolist())
        for _ in range(2000)
    )
    # 20 pixels, 100 draws of each; five standard deviations.
    assert set(drawn) == set(zip(*np.nonzero(patches.masks[1] < 255), strict=True))
    assert all(abs(count - 100) < 50 for count in drawn.values())


def test_pixels_of_rarer_classes_are_of_all_images(patches, random):
    patches.masks[0][3, 4] = 1
    patches.masks[0][5, 6] = 2
    pixels = ClassPixels(patches, seed=0)
    drawn = collections.Counter(
        (index, *position.tolist())
        for index, position in (pixels.rarer_pixel(*words(random)) for _ in range(900))
    )
    # Half of them of class 2, which has one pixel; of class 1 one of 9 pixels is here.
    assert drawn[0, 5, 6] == pytest.approx(450, abs=75)
    assert drawn[0, 3, 4] == pytest.approx(50, abs=35)
    assert all(row == 30 for index, row, _ in drawn if index == 1)


def test_a_set_of_one_class_has_no_rarer_one(patches, masks_of):
    assert ClassPixels(patches, seed=0).has_rarer
    assert not ClassPixels(masks_of(labelled_rows(9)), seed=0).has_rarer


def test_each_mask_is_read_once_and_only_where_needed(patches, random):
    pixels = ClassPixels(patches, seed=0)
    assert not patches.passes
    for _ in range(20):
        pixels.labelled_pixel(1, *words(random)[:2])
        pixels.rarer_pixel(*words(random))
    assert patches.passes == {1: 1}


def test_the_seed_decides_on_the_sample(masks_of):
    masks = masks_of(labelled_rows(30, side=100))

    def drawn(seed):
        pixels = ClassPixels(masks, seed)
        return [pixels.labelled_pixel(0, 0, word).tolist() for word in range(20)]

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize(
    ("rows", "pixels", "said"),
    [
        ((20, 20), "pixels", ""),
        ((20, 15), "labelled pixels", ""),
        ((1, 4), "labelled pixels", "; 12 % of all are labelled: tiles are centred on"),
        ((20, 2), "labelled pixels", "55 % of all are labelled: in 1 of 2 images tile"),
    ],
)
def test_words_tell_what_tiles_are_centred_on(rows, pixels, said, masks_of):
    of, more = labelling_in_words(masks_of(*map(labelled_rows, rows)))
    assert of == pixels
    assert said in more and bool(said) == bool(more)
