import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pipelines import tiles
from pipelines.dataset.mask_values import IGNORED
from pipelines.tiles.targets import open_target, touching


@pytest.fixture
def cells(random):
    """Some thirty cells, which touch, with background between some: uint8 ids."""
    seeds = np.zeros((60, 80), np.uint8)
    places = random.choice(seeds.size, 30, replace=False)
    seeds.flat[places] = np.arange(1, 31)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(distance < 7, seeds[tuple(nearest)], 0).astype(np.uint8)


def target_of(dataset, separate_objects=True):
    return open_target(dataset, 0, separate_objects=separate_objects)


def test_both_pixels_of_a_shared_side_become_background(dataset_of):
    mask = np.array(
        [
            [0, 0, 0, 0, 0, 0],
            [0, 1, 1, 2, 2, 0],
            [0, 1, 1, 2, 2, 0],
            [0, 1, 1, 0, 0, 0],
            # At a corner they are apart already.
            [0, 0, 0, 3, 3, 0],
            [0, 0, 0, 3, 3, 0],
        ],
        np.uint8,
    )
    expected = [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1, 0],
    ]
    target = target_of(dataset_of(mask, mask_kind="instances"))
    np.testing.assert_array_equal(target.whole()[..., 0], expected)


@given(
    arrays.arrays(
        np.int32,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 3),
    )
)
def test_no_part_of_what_is_left_holds_two_objects(labels):
    left = (labels > 0) & ~touching(labels)
    parts, count = ndimage.label(left)
    for part in range(1, count + 1):
        assert len(np.unique(labels[parts == part])) == 1


def test_windows_are_cut_from_the_whole(dataset_of, cells):
    target = target_of(dataset_of(cells, mask_kind="instances"))
    whole = target.whole()
    assert (whole == 0).sum() > (cells == 0).sum()
    for top in range(0, 60, 13):
        for left in range(0, 80, 17):
            height, width = min(13, 60 - top), min(17, 80 - left)
            np.testing.assert_array_equal(
                target.window(top, left, height, width),
                whole[top : top + height, left : left + width],
            )


def test_ignored_pixels_stay_and_separate_nothing(dataset_of):
    mask = np.array([[1, 1, 9, 2, 2, 0, 0, 0]] * 4, np.uint8)
    dataset = dataset_of(mask, mask_kind="instances", ignore_value=9)
    expected = [[1, 1, IGNORED, 1, 1, 0, 0, 0]] * 4
    np.testing.assert_array_equal(target_of(dataset).whole()[..., 0], expected)


@pytest.mark.parametrize(
    ("kind", "separate_objects"), [("instances", False), ("classes", True)]
)
def test_the_mask_is_the_target_without_objects_or_wish(
    dataset_of, cells, kind, separate_objects
):
    dataset = dataset_of(cells, mask_kind=kind)
    target = target_of(dataset, separate_objects)
    np.testing.assert_array_equal(target.whole()[..., 0], dataset.mask(0))


@pytest.fixture
def tiles_of(dataset_of, tmp_path, cells):
    """Returns the first masks of a stream of tiles of `cells`, and their data set."""
    dataset = dataset_of(cells, mask_kind="instances")

    def first(separate_objects):
        stream = tiles.training_tiles(
            str(tmp_path / "images"),
            str(tmp_path / "masks"),
            mask_kind="instances",
            tile_size=64,
            batch_size=4,
            depth=2,
            elastic=0,
            zoom=0,
            separate_objects=separate_objects,
        )
        return np.asarray(next(iter(stream))[1])

    return first, dataset


@pytest.mark.parametrize("separate_objects", [True, False])
def test_tiles_show_touching_objects_apart_if_wished(tiles_of, separate_objects):
    first, dataset = tiles_of
    wanted = target_of(dataset, separate_objects).whole().mean()
    # Tiles are mirrored at the border, so their share is near that of the image.
    assert abs(float(np.mean(first(separate_objects))) - wanted) < 0.05


def test_the_line_alone_tells_the_two_streams_apart(tiles_of):
    first, _ = tiles_of
    apart, joined = first(True), first(False)
    assert (apart <= joined).all() and (apart < joined).any()
