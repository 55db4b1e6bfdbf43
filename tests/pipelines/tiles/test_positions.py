import collections
import functools

import numpy as np
import pytest

from pipelines.images import ArrayImage, blocks
from pipelines.tiles.positions import most_positions, sample_positions


def sample(mask, counts=None, seed=0):
    if counts is None:
        values, numbers = np.unique(mask, return_counts=True)
        counts = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    image = ArrayImage(mask[..., np.newaxis], "mask")
    return sample_positions(image, counts, seed)


@pytest.mark.parametrize("block_bytes", [2**20, 300 * 40])
def test_positions_are_pixels_of_their_class_all_different(
    random, block_bytes, monkeypatch
):
    in_blocks = functools.partial(blocks, block_bytes=block_bytes)
    monkeypatch.setattr("pipelines.tiles.positions.blocks", in_blocks)
    mask = random.integers(0, 4, (300, 280)).astype(np.uint8)
    found = sample(mask)
    assert set(found) == {0, 1, 2, 3}
    for class_id, positions in found.items():
        assert positions.dtype == np.int32
        assert positions.shape == (64, 2)
        assert (mask[tuple(positions.T)] == class_id).all()
        assert len(set(map(tuple, positions.tolist()))) == 64


def test_few_pixels_are_all_kept():
    mask = np.zeros((50, 60), np.uint8)
    mask[[3, 40], [59, 0]] = 2
    found = sample(mask, {2: 2})
    np.testing.assert_array_equal(found[2], [[3, 59], [40, 0]])


def test_positions_are_drawn_evenly_from_all_pixels():
    mask = np.zeros((40, 40), np.uint8)
    mask[::2] = 1
    drawn = collections.Counter(
        row // 10
        for seed in range(60)
        for row, _ in sample(mask, {1: 800}, seed)[1].tolist()
    )
    # A quarter of 60 * 64 in each quarter of the rows; five standard deviations.
    assert all(abs(count - 960) < 5 * 960**0.5 for count in drawn.values())
    assert len(drawn) == 4


def test_the_seed_decides():
    mask = np.zeros((40, 40), np.uint8)
    first, again, other = (sample(mask, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_large_images_keep_more_positions_in_proportion():
    assert most_positions(10, 10) == 64
    assert most_positions(1024, 1024) == 64
    assert most_positions(100_000, 100_000) == 10**10 // 128**2
