import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.overlap_tile.tile_plan import plan_tiles


def test_cores_cover_the_image_row_by_row():
    plan = plan_tiles(20, 9, 8, 1, "padded")
    # 20 in three, 9 in two, in steps of 2.
    assert list(plan.regions()) == [
        *((0, 0, 8, 6), (0, 6, 8, 3)),
        *((8, 0, 8, 6), (8, 6, 8, 3)),
        *((16, 0, 4, 6), (16, 6, 4, 3)),
    ]
    assert plan.num_tiles == 6
    assert plan.largest_core == 8


def test_tiles_are_even_so_that_the_last_is_not_mostly_mirror():
    rows = plan_tiles(33, 10, 32, 1, "padded").rows
    # 33 pixels in two cores of 18 instead of 32 + 1, with margins of 8 a side.
    assert (rows.num_tiles, rows.core, rows.input_size) == (2, 18, 34)


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    steps=st.integers(1, 60),
    depth=st.integers(1, 5),
    variant=st.sampled_from(["padded", "paper"]),
)
def test_a_plan_is_made_again_from_its_largest_core(
    height, width, steps, depth, variant
):
    plan = plan_tiles(height, width, steps * 2**depth, depth, variant)
    assert plan_tiles(height, width, plan.largest_core, depth, variant) == plan


@given(height=st.integers(1, 60), width=st.integers(1, 60), steps=st.integers(1, 9))
def test_as_many_regions_as_tiles_cover_an_image_once(height, width, steps):
    plan = plan_tiles(height, width, 2 * steps, 1, "padded")
    covered, regions = np.zeros((height, width), int), list(plan.regions())
    for top, left, rows, columns in regions:
        covered[top : top + rows, left : left + columns] += 1
    assert (covered == 1).all() and len(regions) == plan.num_tiles
