import numpy as np
import pytest

from pipelines.config import FitConfig
from pipelines.dataset import load_dataset
from pipelines.training import choices


@pytest.fixture
def chosen(write_pair, folders):
    """Returns the choices for masks with images of noise, by name."""

    def make(mask, **settings):
        for number in range(2):
            write_pair(f"{number}.png", mask)
        config = FitConfig(**folders, run_dir="unused", **settings)
        found = choices.choose(config, load_dataset(config))
        return {one.name: one for one in found}

    return make


def disc(size, radius):
    rows, columns = np.mgrid[:size, :size] - size / 2
    return (rows**2 + columns**2 < radius**2).astype(np.uint8) * 255


def test_small_objects_in_large_images_get_the_usual_net(chosen):
    found = chosen(disc(300, 12))
    values = {name: one.value for name, one in found.items()}
    assert values.pop("precision") in ("float32", "bfloat16", "float16")
    assert values == {
        "depth": 4,
        "base_filters": 16,
        "tile_size": 256,
        "batch_size": 8,
        "elastic": 10.0,
        "rare_share": pytest.approx(1 / 3),
        "class_weights": (),
        "minutes": 10.0,
        "learning_rate": 2e-3,
        # A disc in each of two images tells nothing of smaller ones.
        "smallest_object": 1,
    }
    assert found["smallest_object"].reason == (
        "no limit: 2 whole objects in what was looked at are too few to tell one"
    )


@pytest.mark.parametrize(("tile_size", "depth"), [(200, 3), (100, 2), (250, 1)])
def test_a_given_tile_gets_a_depth_that_divides_it(chosen, tile_size, depth):
    found = chosen(disc(300, 12), tile_size=tile_size)
    assert found["depth"].value == depth
    assert f"tiles of {tile_size} pixels allow no more" in found["depth"].reason


def test_with_a_weight_map_balanced_class_weights_are_told(chosen):
    found = chosen(disc(300, 12), weight_map="paper")
    assert found["class_weights"].value == ("balanced",)


def test_of_many_classes_with_even_shares_none_is_rare(chosen):
    mask = np.repeat(np.arange(8, dtype=np.uint8), 32)[np.newaxis].repeat(256, axis=0)
    found = chosen(mask, mask_kind="classes")
    assert found["rare_share"].value == 0
    reason = "the rarest of 8 classes has 12 % of the pixels: any place shows it"
    assert found["rare_share"].reason == reason
    assert found["class_weights"].reason == "no class is rare"


@pytest.mark.parametrize(
    ("pixels", "settings", "reason"),
    [
        (200, {}, "rare classes are shown more often instead"),
        (
            *(40, {}),
            "rare classes are shown more often instead; balanced, if one is still "
            "missed",
        ),
        (
            *(200, {"rare_share": 0.0}),
            "as rare_share 0 asks for no more of rare classes",
        ),
    ],
)
def test_what_is_told_of_rare_classes_agrees_with_the_check(
    chosen, pixels, settings, reason
):
    mask = np.repeat(np.arange(4, dtype=np.uint8), 64)[np.newaxis].repeat(256, axis=0)
    # Of 256 x 256 pixels 66 are more than 0.1 %, below which the check warns.
    mask.flat[:pixels] = 4
    found = chosen(mask, mask_kind="classes", **settings)
    assert found["class_weights"].value == ()
    assert found["class_weights"].reason == reason


def test_a_net_that_would_not_see_the_border_of_objects_gets_deeper(chosen):
    # From 95 % of the pixels of a disc of radius r the border is within 0.776 r.
    found = chosen(disc(520, 150))
    assert found["depth"].value == 5
    # 188 = 2 (3 * 2 ** 5 - 2).
    assert "sees 188 pixels" in found["depth"].reason
    assert "within 116 of their border" in found["depth"].reason


def test_objects_beyond_what_the_deepest_net_sees_are_told(chosen):
    found = chosen(disc(800, 300))
    assert found["depth"].value == 5
    # 0.776 * 300.
    expected = (
        "sees 188 pixels around each; 95 % of the pixels of objects are within 23"
    )
    assert expected in found["depth"].reason
    assert found["depth"].reason.endswith("the larger ones; smaller images help")


def test_small_images_get_small_tiles_and_more_of_them(chosen):
    found = chosen(disc(100, 20))
    # The largest multiple of 16 in 100; 8 * 256 ** 2 pixels of 96 ** 2 are 57 tiles.
    assert (found["tile_size"].value, found["batch_size"].value) == (96, 32)
    assert "images are 100 pixels along a side" in found["tile_size"].reason
    assert found["batch_size"].reason == (
        "the most that are taken: 0.29 million pixels a step"
    )
    assert found["elastic"].value == 10 * 96 / 256
    assert "10 pixels for tiles of 256, less for smaller" in found["elastic"].reason


def test_what_depends_on_the_machine_needs_no_data(chosen, fit_config):
    found = choices.by_machine(fit_config("unused"))
    assert [one.name for one in found] == ["base_filters", "precision"]


def test_half_an_image_is_on_every_tile(chosen):
    mask = np.zeros((256, 256), np.uint8)
    mask[:128] = 255
    found = chosen(mask)
    assert found["rare_share"].value == 0.0
    reason = "the rarest of 2 classes has 50 % of the pixels: any place shows it"
    assert found["rare_share"].reason == reason


def test_of_sparse_labels_the_plan_tells_that_tiles_are_centred_on_them(chosen):
    mask = np.full((400, 400), 7, np.uint8)
    mask[100:120, 50:60], mask[100:120, 60:70] = 0, 1
    found = chosen(mask, mask_kind="classes", ignore_value=7)
    assert found["rare_share"].value == 0.0
    assert found["rare_share"].reason == (
        "the rarest of 2 classes has 50 % of the labelled pixels: any place shows it; "
        "0.25 % of all are labelled: tiles are centred on these"
    )


def test_two_hours_are_enough_for_more_filters(chosen):
    found = chosen(disc(256, 20), minutes=120.0)
    assert found["base_filters"].value == 32
    assert "120 minutes are long enough" in found["base_filters"].reason


def test_what_is_given_is_no_choice(chosen):
    given = {
        "depth": 2,
        "base_filters": 8,
        "tile_size": 64,
        "batch_size": 4,
        "elastic": 3.0,
        "rare_share": 0.5,
        "class_weights": ("balanced",),
        "steps": 5,
        "learning_rate": 0.01,
        "precision": "float32",
        "smallest_object": 9,
    }
    assert chosen(disc(256, 20), **given) == {}


def test_the_table_has_a_line_a_choice():
    lines = choices.in_words(
        [
            choices.Choice("depth", 4, "as it is"),
            choices.Choice("rare_share", 1 / 3, "rare"),
            choices.Choice("class_weights", (), "no need"),
        ]
    ).splitlines()
    assert lines == [
        "  depth          4      as it is",
        "  rare_share     0.333  rare",
        "  class_weights  none   no need",
    ]
