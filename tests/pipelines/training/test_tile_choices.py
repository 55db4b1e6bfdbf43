import types

import pytest

from keras_unet import geometry
from pipelines.training.tile_choices import tile_choices


@pytest.fixture
def chosen(fit_config):
    """Returns the choices for images of one size and objects of a reach, by name."""

    def make(side, reach, **settings):
        open_ones = dict.fromkeys(("depth", "tile_size", "batch_size"))
        config = fit_config("unused", **open_ones | settings)
        facts = types.SimpleNamespace(height=side, width=side + 8)
        found = tile_choices(config, types.SimpleNamespace(facts=[facts]), reach)
        return {one.name: one for one in found}

    return make


def values(found):
    return tuple(found[name].value for name in ("depth", "tile_size", "batch_size"))


@pytest.mark.parametrize(
    ("side", "reach", "expected"),
    [
        (4000, 10, (4, 256, 8)),
        (512, 64, (4, 256, 8)),
        # Within 64 pixels of the sides of 256 are three quarters of them.
        (512, 65, (4, 512, 2)),
        (512, 93, (5, 512, 2)),
        (4000, 194, (5, 512, 2)),
        # The largest multiple of 32; 8 * 256 ** 2 pixels of 384 ** 2 are 3.6 tiles.
        (400, 93, (5, 384, 4)),
        (100, 20, (4, 96, 32)),
        (20, 5, (4, 64, 32)),
    ],
)
def test_tiles_are_as_large_as_objects_need_and_images_allow(
    chosen, side, reach, expected
):
    assert values(chosen(side, reach)) == expected


@pytest.mark.parametrize("side", [128, 159, 240, 500])
def test_an_open_tile_size_follows_the_depth_that_objects_ask_for(chosen, side):
    found = chosen(side, 93)
    assert values(found)[:2] == (5, side // 32 * 32)
    assert found["tile_size"].reason == f"images are {side} pixels along a side"


def test_images_too_small_for_the_depth_that_objects_ask_for_are_told(chosen):
    # 96 pixels, five times halved, are 3.
    found = chosen(127, 93)
    assert values(found)[:2] == (4, 112)
    assert "images of 127 pixels along a side allow no more" in found["depth"].reason


def test_the_reason_of_a_tile_tells_what_it_has_around_its_pixels(chosen):
    assert chosen(512, 10)["tile_size"].reason == (
        # 256 - 2 * 92.
        "several places in each step; the middle 72x72 have all around them that the "
        "net sees"
    )
    assert chosen(512, 93)["tile_size"].reason == (
        "for large objects; the middle 136x136 have all around them that the net sees"
    )
    assert chosen(512, 10, depth=6)["tile_size"].reason == (
        "for a net that sees far; no pixel has all around it that the net sees"
    )


@pytest.mark.parametrize(("depth", "size"), [(1, 256), (3, 256), (5, 512), (6, 512)])
def test_tiles_suit_a_depth_that_is_given(chosen, depth, size):
    # The net that sees less than objects need needs no more than it sees.
    assert chosen(600, 60, depth=depth)["tile_size"].value == size
    assert geometry.is_legal_input_size(size, depth, "padded")


def test_a_small_tile_that_is_given_limits_the_depth(chosen):
    # 32 pixels, three times halved, are 4.
    found = chosen(300, 93, tile_size=32)
    assert found["depth"].value == 3
    assert "tiles of 32 pixels allow no more" in found["depth"].reason
    assert found["elastic"].value == 1.25


def test_where_no_object_was_found_the_depth_says_so(chosen):
    found = chosen(512, 0.0)
    assert found["depth"].value == 4
    assert found["depth"].reason.endswith("; no object in what was looked at")


@pytest.mark.parametrize(
    ("reach", "devices", "batch"), [(10, 3, 12), (10, 2, 8), (93, 2, 4)]
)
def test_each_device_has_four_tiles_or_as_many_as_one_alone(
    chosen, reach, devices, batch
):
    found = chosen(512, reach, devices=devices)["batch_size"]
    assert found.value == batch
    assert f"{batch // devices} for each device" in found.reason


def test_the_papers_net_has_the_papers_tiles(chosen):
    assert values(chosen(4000, 300, variant="paper")) == (4, 572, 1)
    # Depth 5 takes it too.
    assert chosen(300, 10, variant="paper", depth=5)["tile_size"].value == 572
