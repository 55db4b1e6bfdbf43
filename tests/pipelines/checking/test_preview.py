import dataclasses
import io

import numpy as np
import PIL.Image
import pytest

from pipelines.checking import preview
from pipelines.config import CheckConfig
from pipelines.dataset import load_dataset
from pipelines.report.pictures import CLASS_COLOURS, MISSED
from pipelines.tiles.places import Places, default_rare_share


@pytest.fixture(scope="module")
def config(discs):
    return CheckConfig(images=discs / "images", masks=discs / "masks", tile_size=32)


def test_a_sheet_has_a_row_for_each_image_and_a_panel_for_each_tile(config):
    data = preview.preview(load_dataset(config), config)
    with PIL.Image.open(io.BytesIO(data)) as image:
        width = preview.NUM_TILES * (preview.PANEL + preview.GAP)
        height = preview.NUM_IMAGES * (preview.PANEL + preview.LINE) + preview.LINE
        assert image.size == (width, height)
        # Outlines are drawn.
        assert MISSED in {colour for _, colour in image.getcolors(2**24)}


def test_the_same_settings_give_the_same_sheet(config):
    dataset = load_dataset(config).subset([0])
    assert preview.preview(dataset, config) == preview.preview(dataset, config)


def test_a_sheet_names_the_classes_in_any_script(config):
    named = dataclasses.replace(config, class_names=("background", "Fluß 水"))
    sheets = [preview.preview(load_dataset(one), one) for one in (config, named)]
    assert sheets[0] != sheets[1]


def test_an_outline_is_the_inner_border_of_a_class():
    mask = np.zeros((5, 5), np.uint8)
    mask[1:4, 1:4] = 1
    drawn = preview.outlined(np.zeros((5, 5, 3), np.uint8), mask, 2)
    expected = mask.astype(bool)
    expected[2, 2] = False
    np.testing.assert_array_equal((drawn == MISSED).all(axis=2), expected)


def test_classes_that_touch_have_outlines_of_their_own_colours():
    mask = np.array([[0, 1, 2]], np.uint8)
    drawn = preview.outlined(np.full((1, 3, 3), 9, np.uint8), mask, 3)
    np.testing.assert_array_equal(drawn[0], [[9, 9, 9], *CLASS_COLOURS[:2]])


def test_weights_go_from_black_to_white():
    drawn = preview.weight_picture(np.array([[0.0, 1.0, 9.0]]), 9.0)
    np.testing.assert_array_equal(
        drawn[0], [[0, 0, 0], preview.WEIGHT_COLOURS[1], [255, 255, 255]]
    )


def test_weights_that_are_all_0_are_black():
    assert not preview.weight_picture(np.zeros((2, 2)), 0.0).any()


def test_weight_maps_stand_beside_their_tiles(config):
    weighted = dataclasses.replace(config, weight_map="paper")
    dataset = load_dataset(weighted).subset([0])
    with PIL.Image.open(io.BytesIO(preview.preview(dataset, weighted))) as image:
        assert image.width == 2 * preview.NUM_TILES * (preview.PANEL + preview.GAP)


def test_balanced_weights_are_those_of_the_whole_set(config):
    balanced = dataclasses.replace(config, class_weights=("balanced",))
    dataset = load_dataset(balanced)
    settings = preview._with_choices_of_the_set(dataset, balanced)
    assert settings.rare_share == default_rare_share(dataset)
    found = settings.class_weights
    weights = [float(text) for text in found]
    # Each class weighs as much as the other, in what the tiles of fit show.
    places = Places(dataset, balanced.tile_size, balanced.seed, settings.rare_share)
    shares = places.class_shares()
    assert weights[0] * shares[0] == pytest.approx(weights[1] * shares[1], rel=1e-4)
