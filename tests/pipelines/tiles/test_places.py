import collections

import numpy as np
import pytest
import tensorflow as tf

from pipelines.tiles.places import (
    NUM_WORDS,
    RARE,
    Place,
    Places,
    default_rare_share,
)


def slots_of(places, count, start=0):
    numbers = tf.range(start, start + count, dtype=tf.int64)
    return [int(places.slot_of(number)) for number in numbers]


def words(random):
    return random.integers(0, 2**63 - 1, NUM_WORDS).tolist()


@pytest.fixture
def two_images(masks_of):
    first, second = np.zeros((40, 30), np.uint8), np.zeros((64, 64), np.uint8)
    first[5, 7] = 1
    second[:2] = 2
    second[63, 63] = 1
    return masks_of(first, second)


@pytest.mark.parametrize("share", [0, 1 / 3, 0.25, 0.5, 0.9])
def test_regular_tiles_go_through_every_slot_once_an_epoch(share, two_images):
    # Tiles of 16 pixels: 3 x 2 and 4 x 4 of them cover the images.
    places = Places(two_images, 16, seed=3, rare_share=share)
    assert places.num_slots == 22
    slots = slots_of(places, 250)
    regular = [slot for slot in slots if slot != RARE]
    assert len(regular) == pytest.approx(250 * (1 - share), abs=2)
    epochs = [tuple(regular[i : i + 22]) for i in range(0, len(regular) - 21, 22)]
    assert all(sorted(epoch) == list(range(22)) for epoch in epochs)
    assert len(set(epochs)) == len(epochs)


@pytest.mark.parametrize(("share", "rare", "of"), [(1 / 3, 1, 3), (0.4, 2, 5)])
def test_of_each_few_tiles_as_many_are_rare(share, rare, of, two_images):
    places = Places(two_images, 16, seed=0, rare_share=share)
    is_rare = np.array(slots_of(places, 12 * of)).reshape(12, of) == RARE
    assert (is_rare.sum(axis=1) == rare).all()
    # Not at one place of all of them.
    assert (0 < is_rare.sum(axis=0)).all() and (is_rare.sum(axis=0) < 12).all()


@pytest.mark.parametrize("num_workers", [3, 6])
def test_each_worker_has_its_share_of_rare_tiles(num_workers, two_images):
    places = Places(two_images, 16, seed=0, rare_share=1 / 3)
    is_rare = np.array(slots_of(places, 360)).reshape(-1, num_workers) == RARE
    assert is_rare.sum() == 120
    # Drawn with a probability of a third: three standard deviations.
    of_each = 360 / num_workers
    deviation = (of_each * 1 / 3 * 2 / 3) ** 0.5
    assert (abs(is_rare.sum(axis=0) - of_each / 3) < 3 * deviation).all()


def test_the_shares_of_the_classes_count_what_rare_tiles_show(masks_of):
    mask = np.zeros((64, 64), np.uint8)
    mask[30, 30] = 1
    masks = masks_of(mask, num_classes=2)
    # Of regular tiles a pixel in 4096; in every rare tile one of 16 x 16.
    shares = Places(masks, 16, seed=0, rare_share=0.25).class_shares()
    expected = 0.75 / 4096 + 0.25 / 256
    np.testing.assert_allclose(shares, [1 - expected, expected])
    shares = Places(masks, 16, seed=0).class_shares()
    np.testing.assert_allclose(shares, [4095 / 4096, 1 / 4096])


def test_a_class_is_rare_by_what_it_would_have_of_even_shares(masks_of):
    def share(*counts):
        mask = np.repeat(np.arange(len(counts)), counts).astype(np.uint8)
        return default_rare_share(masks_of(mask[np.newaxis], num_classes=len(counts)))

    # Two fifths of a half, and of an eighth.
    assert (share(80, 20), share(81, 19)) == (0, 1 / 3)
    assert (share(*[19] * 5, 5), share(*[20] * 5, 3)) == (1 / 3, 1 / 3)
    assert share(*[13] * 7, 5) == 0


def test_tiles_far_into_a_training_are_still_counted_exactly(two_images):
    places = Places(two_images, 16, seed=0, rare_share=1 / 3)
    slots = slots_of(places, 33, start=3 * 22 * 10**9)
    regular = [slot for slot in slots if slot != RARE]
    assert sorted(regular) == list(range(22))


def test_all_tiles_are_rare_where_the_share_is_all(two_images):
    assert set(slots_of(Places(two_images, 16, 0, rare_share=1.0), 9)) == {RARE}


def test_with_one_class_all_tiles_are_regular(masks_of):
    masks = masks_of(np.full((20, 20), 2, np.uint8))
    places = Places(masks, 16, seed=0, rare_share=1 / 3)
    assert RARE not in slots_of(places, 9)


def test_a_rare_tile_holds_a_pixel_of_a_rarer_class(random, two_images):
    masks = two_images
    places = Places(masks, 16, seed=0, rare_share=1 / 3)
    seen = collections.Counter()
    for _ in range(400):
        place = places.place(RARE, words(random))
        mask = masks.masks[place.index]
        assert 0 <= place.top <= mask.shape[0] - 16
        assert 0 <= place.left <= mask.shape[1] - 16
        tile = mask[place.top : place.top + 16, place.left : place.left + 16]
        assert tile.any()
        seen[place.index, tuple(np.unique(tile))] += 1
    # Half of them on class 2, half on class 1: on either of its two pixels.
    assert seen[1, (0, 2)] == pytest.approx(200, abs=50)
    assert seen[0, (0, 1)] == pytest.approx(100, abs=40)
    assert seen[1, (0, 1)] == pytest.approx(100, abs=40)
    # The pixel at the image's edge is at the tile's edge.
    assert places.place(RARE, [0, 1, 0, 0, 0]) == Place(1, 48, 48)


def test_a_rare_pixel_inside_is_in_the_middle_of_its_tile(masks_of):
    mask = np.zeros((101, 101), np.uint8)
    mask[50, 60] = 1
    places = Places(masks_of(mask), 10, seed=0, rare_share=1.0)
    assert places.place(RARE, [0, 0, 0, 0, 0]) == Place(0, 45, 55)


def test_each_mask_is_read_once_at_most_and_only_where_needed(
    random, masks_of, two_images
):
    masks = masks_of(*[two_images.masks[0]] * 3)
    places = Places(masks, 16, seed=0, rare_share=1.0)
    assert not masks.passes
    for _ in range(40):
        places.place(RARE, words(random))
    assert masks.passes == {0: 1, 1: 1, 2: 1}


def test_ignored_pixels_are_no_rare_class(random, masks_of):
    mask = np.zeros((40, 40), np.uint8)
    mask[0] = 255
    mask[20, 20] = 1
    places = Places(masks_of(mask), 8, seed=0, rare_share=1.0)
    tops = {places.place(RARE, words(random)).top for _ in range(30)}
    assert tops == {16}


def visits(masks_of, side, size, count=4000):
    masks = masks_of(np.zeros((side, side), np.uint8))
    places = Places(masks, size, seed=0)
    random = np.random.default_rng(0)
    seen = np.zeros(side)
    for _ in range(count):
        top = places.place(0, words(random)).top
        assert 0 <= top <= side - size
        seen[top : top + size] += 1
    return seen / count


def test_pixels_at_the_border_get_their_share(masks_of):
    # A tile centred on any pixel, shifted into the image: the first pixel is seen when
    # the centre is among the first half tile (16 pixels and the one after it of 101).
    seen = visits(masks_of, side=101, size=32)
    assert seen[0] == pytest.approx(17 / 101, abs=0.03)
    assert seen[50] == pytest.approx(32 / 101, abs=0.03)
    # Offsets drawn evenly would show it once in 70 tiles.
    assert seen.min() > 5 / 70


def test_images_smaller_than_a_tile_lie_anywhere_in_it(random, masks_of):
    places = Places(masks_of(np.zeros((3, 8), np.uint8)), 8, seed=0)
    found = [places.place(0, words(random)) for _ in range(200)]
    assert {place.top for place in found} == set(range(-5, 1))
    assert {place.left for place in found} == {0}


def test_the_slot_decides_on_the_image(random, two_images):
    places = Places(two_images, 16, seed=0)
    indices = [places.place(slot, words(random)).index for slot in range(22)]
    assert indices == [0] * 6 + [1] * 16


def patch(side, *corner):
    mask = np.full((side, side), 255, np.uint8)
    top, left = corner
    mask[top : top + 20, left : left + 20] = 0
    mask[top : top + 20, left : left + 5] = 1
    return mask


def test_tiles_of_sparsely_labelled_images_show_what_is_labelled(random, masks_of):
    masks = masks_of(patch(500, 100, 300), patch(400, 0, 380), num_classes=2)
    places = Places(masks, 16, seed=0)
    for slot in slots_of(places, 60):
        place = places.place(slot, words(random))
        mask = masks.masks[place.index]
        tile = mask[place.top : place.top + 16, place.left : place.left + 16]
        assert tile.shape == (16, 16)
        # At the least a quarter of a tile whose centre is at a corner of the patch.
        assert np.count_nonzero(tile < 255) >= 8 * 8


def test_sparse_images_have_as_many_slots_as_their_pixels_fill_tiles(masks_of):
    unlabelled = np.full((64, 64), 255, np.uint8)
    dense = np.zeros((64, 64), np.uint8)
    places = Places(masks_of(unlabelled, patch(500, 9, 9), dense), 16, seed=0)
    indices = [places.place(slot, [0] * NUM_WORDS).index for slot in range(18)]
    # 400 pixels are more than one tile of 256.
    assert indices == [1] * 2 + [2] * 16
    assert places.num_slots == 18


def test_a_set_without_labels_is_seen_everywhere(masks_of):
    masks = masks_of(np.full((64, 32), 255, np.uint8))
    assert Places(masks, 16, seed=0).num_slots == 8


def test_places_of_images_that_are_labelled_by_half_are_any_place(masks_of):
    # Resumed trainings and published figures hang on them.
    half = np.zeros((64, 64), np.uint8)
    half[32:] = 255
    words = [2**40 + 5, 2**41 + 50, 0, 0, 7]
    assert Places(masks_of(half), 16, seed=0).place(3, words) == Place(0, 0, 42)
    assert Places(masks_of(half), 16, seed=0).place(3, [60, *words[1:]]).top == 48
