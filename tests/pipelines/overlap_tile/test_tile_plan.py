from hypothesis import given
from hypothesis import strategies as st

from pipelines.overlap_tile.tile_plan import Region, plan_tiles


def test_cores_cover_the_image_row_by_row():
    plan = plan_tiles(20, 9, 8, 1, "padded")
    # 20 in three, 9 in two, in steps of 2.
    assert list(plan.origins()) == [(0, 0), (0, 6), (8, 0), (8, 6), (16, 0), (16, 6)]
    assert plan.num_tiles == 6
    assert plan.largest_core == 8


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


def test_a_region_holds_its_first_pixel_and_not_the_one_after_its_last():
    region = Region(4, 8, 2, 3)
    held = [(row, column) for row in range(9) for column in range(13)]
    held = [place for place in held if region.holds(*place)]
    assert held == [(row, column) for row in (4, 5) for column in (8, 9, 10)]
